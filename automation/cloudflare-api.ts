import { request } from "undici";
import { z } from "zod";
import { OperatorError } from "./errors.ts";

/** The few calls a move makes at Cloudflare outside the stack. */
export interface CloudflareApi {
  get<T>(path: string, schema: z.ZodType<T>): Promise<T>;
  patch<T>(path: string, body: object, schema: z.ZodType<T>): Promise<T>;
}

const DEFAULT_BASE = "https://api.cloudflare.com/client/v4";
const failureSchema = z.looseObject({
  errors: z.array(z.looseObject({ code: z.number(), message: z.string() })).default([]),
});

export function createCloudflareApi(baseUrl: string | undefined, token: string): CloudflareApi {
  const call = async <T>(
    method: "GET" | "PATCH",
    path: string,
    body: object | undefined,
    schema: z.ZodType<T>,
  ): Promise<T> => {
    const { statusCode, body: answer } = await request(`${baseUrl ?? DEFAULT_BASE}/${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: body && JSON.stringify(body),
      headersTimeout: 20_000,
    });
    const json = await answer.json();
    if (statusCode < 400) return z.looseObject({ result: schema }).parse(json).result;
    const { errors } = failureSchema.parse(json);
    const reason = errors.map(({ code, message }) => `${message} (${code})`).join("; ") || `status ${statusCode}`;
    throw new OperatorError(
      `Cloudflare refused ${method} ${path}: ${reason}`,
      "check the token: pulumi config set --secret cloudflare:apiToken",
    );
  };
  return {
    get: (path, schema) => call("GET", path, undefined, schema),
    patch: (path, body, schema) => call("PATCH", path, body, schema),
  };
}
