/** Calls of the Hetzner API as the official client makes them: errors, retries, actions. */
import { setTimeout as pause } from "node:timers/promises";
import type { Action } from "./views.ts";

const POLL_MS = 150;
const RETRIES = 5;
const RETRIED_CODES = ["conflict", "rate_limit_exceeded", "bad_gateway", "timeout"];
const RETRIED_STATUS = [502, 504];

/** What the API answered instead of what was asked for. */
export class ApiError extends Error {
  readonly code: string;
  readonly status: number;
  constructor(message: string, code: string, status: number) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

type Method = "GET" | "POST" | "PUT" | "DELETE";

export class Hcloud {
  readonly endpoint: string;
  readonly #token: string;

  constructor(endpoint: string, token: string) {
    this.endpoint = endpoint;
    this.#token = token;
  }

  /** One call, tried again where the official client tries again. `T` is the shape the API documents. */
  async call<T>(signal: AbortSignal, method: Method, path: string, body?: object): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#once<T>(signal, method, path, body);
      } catch (error) {
        if (!(error instanceof ApiError) || attempt >= RETRIES || !isPassing(error)) throw error;
        await pause(1000 * 1.6 ** attempt, undefined, { signal });
      }
    }
  }

  async #once<T>(signal: AbortSignal, method: Method, path: string, body?: object): Promise<T> {
    const response = await fetch(`${this.endpoint}${path}`, {
      method,
      signal,
      headers: {
        authorization: `Bearer ${this.#token}`,
        accept: "application/json",
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    }).catch((error: unknown) => {
      signal.throwIfAborted();
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
      throw new Error(`cannot reach the Hetzner API at ${this.endpoint}: ${cause} (is the local cloud running?)`);
    });
    const text = await response.text();
    const json = parse(text);
    if (response.ok) return (json ?? {}) as T;
    const told = json?.error;
    if (told?.code === undefined) {
      throw new ApiError(`hcloud: server responded with status code ${response.status}`, "", response.status);
    }
    const fields = (told.details?.fields ?? []).map(({ name, messages }) => `${name}: ${messages.join(", ")}`);
    const details = fields.length > 0 ? ` [${fields.join("; ")}]` : "";
    throw new ApiError(`${told.message} (${told.code})${details}`, told.code, response.status);
  }

  /** The object, or undefined when the API says that there is none. */
  async find<T>(signal: AbortSignal, path: string): Promise<T | undefined> {
    try {
      return await this.call<T>(signal, "GET", path);
    } catch (error) {
      if (isCode(error, "not_found")) return undefined;
      throw error;
    }
  }

  /** Waits until actions are done; a failed one is an error. */
  async settle(signal: AbortSignal, actions: readonly (Action | null | undefined)[]): Promise<void> {
    let open: Action[] = [];
    for (const action of actions) if (action) open.push(action);
    for (;;) {
      for (const action of open) {
        if (action.status !== "error") continue;
        const { code = "action_failed", message = action.command } = action.error ?? {};
        throw new ApiError(`${message} (${code}, ${action.id})`, code, 0);
      }
      open = open.filter((action) => action.status === "running");
      if (open.length === 0) return;
      await pause(POLL_MS, undefined, { signal });
      const query = open.map((action) => `id=${action.id}`).join("&");
      const { actions: now } = await this.call<{ actions: Action[] }>(
        signal,
        "GET",
        `/actions?${query}&page=1&per_page=50`,
      );
      const missing = open.filter((action) => !now.some((one) => one.id === action.id));
      if (missing.length > 0) throw new Error(`actions not found: ${missing.map((action) => action.id).join(", ")}`);
      open = now;
    }
  }

  /** Calls something that answers with one action, or several, and waits for them. */
  async act(signal: AbortSignal, path: string, body?: object): Promise<void> {
    const { action, actions } = await this.call<{ action?: Action; actions?: Action[] }>(signal, "POST", path, body);
    await this.settle(signal, [action, ...(actions ?? [])]);
  }

  /** Tries again while the API says that something else is still in the way. */
  async insist<T>(signal: AbortSignal, codes: readonly string[], work: () => Promise<T>, tries = 20): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof ApiError) || !codes.includes(error.code) || attempt >= tries) throw error;
        await pause(Math.min(100 * attempt, 2000), undefined, { signal });
      }
    }
  }
}

/** Is it the API's error of this code? */
export function isCode(error: unknown, code: string): boolean {
  return error instanceof ApiError && error.code === code;
}

function isPassing(error: ApiError): boolean {
  return RETRIED_CODES.includes(error.code) || (error.code === "" && RETRIED_STATUS.includes(error.status));
}

interface ErrorBody {
  error?: { code?: string; message?: string; details?: { fields?: { name: string; messages: string[] }[] } | null };
}

function parse(text: string): ErrorBody | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
