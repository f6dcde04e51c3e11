/** Calls of the Cloudflare API as the official client makes them: envelope, errors, retries. */
import { setTimeout as pause } from "node:timers/promises";
import type { Json } from "../values.ts";

const RETRIES = 10;
const FIRST_WAIT_MS = 1700;
const LONGEST_WAIT_MS = 30_000;
const RETRIED = [408, 409, 429];

/** What the API answered instead of what was asked for. */
export class ApiError extends Error {
  readonly status: number;
  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}

export type Fields = { [name: string]: Json };

interface Envelope {
  success?: boolean;
  result?: Json;
  errors?: { code: number; message: string }[];
}

export class Cloudflare {
  readonly #baseUrl: string;
  readonly #token: string;

  constructor(baseUrl: string, token: string) {
    this.#baseUrl = baseUrl;
    this.#token = token;
  }

  /** One call, tried again where the official client tries again. Answers the `result`. */
  async call(signal: AbortSignal, method: string, path: string, body?: Fields): Promise<Json> {
    for (let attempt = 0, wait = FIRST_WAIT_MS; ; attempt++, wait = Math.min(wait * 2, LONGEST_WAIT_MS)) {
      const response = await this.#send(signal, method, path, body, attempt);
      if (response === undefined) {
        await pause(wait, undefined, { signal });
        continue;
      }
      const envelope = parse(await response.text());
      if (response.ok && envelope?.success !== false) return envelope?.result ?? null;
      if (attempt >= RETRIES || !isRetried(response)) throw refusal(method, path, response.status, envelope);
      await pause(askedWait(response) ?? wait, undefined, { signal });
    }
  }

  /** The answer; undefined when the connection broke and another attempt is due. */
  async #send(signal: AbortSignal, method: string, path: string, body: Fields | undefined, attempt: number) {
    try {
      return await fetch(`${this.#baseUrl}/${path}`, {
        method,
        signal,
        headers: {
          authorization: `Bearer ${this.#token}`,
          accept: "application/json",
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    } catch (error) {
      signal.throwIfAborted();
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
      // Nobody listens there: waiting minutes for it, as the official client does, would help nobody here.
      if (attempt < RETRIES && !cause.includes("ECONNREFUSED")) return undefined;
      throw new Error(`cannot reach the Cloudflare API at ${this.#baseUrl}: ${cause} (is the local cloud running?)`);
    }
  }

  /** The object, or undefined when there is none. */
  async find(signal: AbortSignal, path: string): Promise<Fields | undefined> {
    try {
      return fieldsOf(await this.call(signal, "GET", path));
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return undefined;
      throw error;
    }
  }

  /** All pages of a list; the last one is empty. */
  async list(signal: AbortSignal, path: string, query: URLSearchParams): Promise<Fields[]> {
    const all: Fields[] = [];
    for (let page = 1; ; page++) {
      query.set("page", String(page));
      const result = await this.call(signal, "GET", `${path}?${query}`);
      if (!Array.isArray(result) || result.length === 0) return all;
      all.push(...result.map(fieldsOf));
    }
  }
}

/** An object of the API. */
export function fieldsOf(result: Json): Fields {
  if (typeof result === "object" && result !== null && !Array.isArray(result)) return result;
  throw new Error("the Cloudflare API answered without a result");
}

function parse(text: string): Envelope | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isRetried(response: Response): boolean {
  const word = response.headers.get("x-should-retry");
  if (word === "true" || word === "false") return word === "true";
  return RETRIED.includes(response.status) || response.status >= 500;
}

function askedWait({ headers }: Response): number | undefined {
  const milliseconds = Number(headers.get("retry-after-ms") ?? Number.NaN);
  if (Number.isFinite(milliseconds)) return milliseconds;
  const seconds = Number(headers.get("retry-after") ?? Number.NaN);
  return Number.isFinite(seconds) ? seconds * 1000 : undefined;
}

function refusal(method: string, path: string, status: number, envelope: Envelope | undefined): ApiError {
  const told = (envelope?.errors ?? []).map(({ code, message }) => `${message} (${code})`).join("; ");
  return new ApiError(`${method} ${path}: ${status} ${told || "without an explanation"}`, status);
}
