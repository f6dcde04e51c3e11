import { randomBytes, timingSafeEqual } from "node:crypto";
import type { FastifyError, FastifyPluginAsync, FastifyRequest } from "fastify";
import {
  hasZodFastifySchemaValidationErrors,
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from "fastify-type-provider-zod";
import type { Context } from "../daemon/context.ts";
import { registerAccount } from "./account.ts";
import { registerLoadBalancers } from "./balancing/load-balancers.ts";
import { registerMonitors } from "./balancing/monitors.ts";
import { registerPools } from "./balancing/pools.ts";
import { CloudflareError, couldNotRoute, invalidBody, validationFailed } from "./errors.ts";
import { createHub } from "./hub.ts";
import { registerRecords } from "./records/routes.ts";
import { registerSettings } from "./settings.ts";
import { registerZones } from "./zones.ts";

/** What a token can look like at all; anything else is refused before it is compared. */
const TOKEN = /^[0-9A-Za-z_-]{40,80}$/;

/** The Cloudflare API of this instance, without its prefix. */
export function cloudflareRoutes(context: Context): FastifyPluginAsync {
  return async (plain) => {
    const app = plain.withTypeProvider<ZodTypeProvider>();
    app.setValidatorCompiler(validatorCompiler);
    app.setSerializerCompiler(serializerCompiler);
    app.addHook("onRequest", async (request, reply) => {
      reply.header("cf-ray", `${randomBytes(8).toString("hex")}-LCL`);
      authenticate(request, context.instance.cloudflareToken);
    });
    app.setErrorHandler<FastifyError>((error, request, reply) => {
      const answer = answerTo(error, request);
      if (answer.status >= 500) {
        request.log.error({ err: error }, "the call failed");
        // The official clients try ten times for minutes; a fault of our own is not cured by waiting.
        reply.header("x-should-retry", "false");
      }
      return reply.code(answer.status).send(answer.body());
    });
    app.setNotFoundHandler((request, reply) => {
      reply.code(404).send(couldNotRoute(request.url).body());
    });
    const hub = createHub(context);
    registerAccount(app, hub);
    registerZones(app, hub);
    registerSettings(app, hub);
    registerRecords(app, hub);
    registerMonitors(app, hub);
    registerPools(app, hub);
    registerLoadBalancers(app, hub);
  };
}

function authenticate(request: FastifyRequest, token: string): void {
  const header = request.headers.authorization;
  if (header === undefined) {
    throw new CloudflareError(400, 9106, "Missing X-Auth-Key, X-Auth-Email or Authorization headers");
  }
  const given = /^Bearer\s+(\S+)$/i.exec(header)?.[1];
  if (given === undefined || !TOKEN.test(given)) {
    throw new CloudflareError(400, 6003, "Invalid request headers", [
      { code: 6111, message: "Invalid format for Authorization header" },
    ]);
  }
  if (!isSame(given, token)) {
    throw request.url.includes("/tokens/verify")
      ? new CloudflareError(401, 1000, "Invalid API Token")
      : new CloudflareError(403, 9109, "Invalid access token");
  }
}

function isSame(given: string, token: string): boolean {
  return given.length === token.length && timingSafeEqual(Buffer.from(given), Buffer.from(token));
}

function answerTo(error: FastifyError, request: FastifyRequest): CloudflareError {
  if (error instanceof CloudflareError) {
    return error;
  }
  if (hasZodFastifySchemaValidationErrors(error)) {
    const balancing = request.url.includes("/load_balancers");
    const problems = error.validation.map(describe).join("; ");
    return balancing ? validationFailed(problems) : invalidBody(problems);
  }
  if (error.code === "FST_ERR_CTP_INVALID_JSON_BODY" || error instanceof SyntaxError) {
    return new CloudflareError(400, 6007, "Malformed JSON in request body");
  }
  if (error.statusCode !== undefined && error.statusCode < 500) {
    return invalidBody(error.message);
  }
  return new CloudflareError(500, 10001, `The data plane does not follow: ${error.message}; see daemon.log`);
}

/** `origins.0.weight: Too big: expected number to be <=1`; unknown keys are named. */
function describe(issue: { instancePath: string; message?: string }): string {
  const path = issue.instancePath.split("/").filter((part) => part !== "");
  return `${path.join(".") || "body"}: ${issue.message ?? "is invalid"}`;
}
