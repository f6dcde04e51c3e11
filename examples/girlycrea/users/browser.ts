import { Pool } from "undici";
import type { NameCache } from "./names.ts";

export interface Request {
  method: "GET" | "POST";
  path: string;
  body?: unknown;
}

/** What came back; status 0 with an `error` when nothing did. */
export interface Reply {
  status: number;
  side: string | null;
  /** Seconds, when the answer asks to come back later. */
  retryAfter?: number;
  /** Parsed JSON, `undefined` for anything else. */
  body?: unknown;
  error?: string;
}

/** One user's browser: its cookies, its connections. Never throws for what the network does. */
export interface Browser {
  cookies: Map<string, string>;
  send(request: Request): Promise<Reply>;
  close(): void;
}

export interface BrowserOptions {
  name: string;
  port?: number;
  names: Pick<NameCache, "address">;
  /** Certificates are verified against this one alone. */
  ca: string;
  timeoutMs?: number;
  signal?: AbortSignal;
}

export function openBrowser(options: BrowserOptions): Browser {
  let pool: { address: string; connections: Pool } | undefined;

  /** Connections to an address the name no longer has are left to finish what they carry. */
  async function connections(): Promise<Pool> {
    const address = await options.names.address();
    if (pool?.address !== address) {
      pool?.connections.close().catch(() => undefined);
      pool = { address, connections: connectTo(address, options) };
    }
    return pool.connections;
  }

  async function exchange({ method, path, body }: Request): Promise<Reply> {
    const timeout = AbortSignal.timeout(options.timeoutMs ?? 10_000);
    const response = await (await connections()).request({
      method,
      path,
      headers: {
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(browser.cookies.size === 0
          ? {}
          : { cookie: [...browser.cookies].map(([name, value]) => `${name}=${value}`).join("; ") }),
      },
      body: body === undefined ? null : JSON.stringify(body),
      signal: options.signal ? AbortSignal.any([timeout, options.signal]) : timeout,
    });
    keepCookies(browser.cookies, response.headers["set-cookie"]);
    const text = await response.body.text();
    const retryAfter = Number(one(response.headers["retry-after"]) ?? Number.NaN);
    return {
      status: response.statusCode,
      side: one(response.headers["x-shop-side"]) ?? one(response.headers["x-bascule-side"]) ?? null,
      retryAfter: Number.isFinite(retryAfter) ? retryAfter : undefined,
      body: parse(text),
    };
  }

  const browser: Browser = {
    cookies: new Map(),
    async send(request) {
      try {
        return await exchange(request);
      } catch (error) {
        return { status: 0, side: null, error: describe(error) };
      }
    },
    close: () => {
      pool?.connections.destroy().catch(() => undefined);
    },
  };
  return browser;
}

function connectTo(address: string, { name, port = 443, ca, timeoutMs = 10_000 }: BrowserOptions): Pool {
  return new Pool(`https://${name}:${port}`, {
    connections: 2,
    allowH2: false,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    connect: {
      ca,
      servername: name,
      timeout: timeoutMs,
      // The name is already resolved, by the rules of `NameCache`; the system's resolver has no say.
      lookup: (_host, wanted, callback) =>
        wanted.all ? callback(null, [{ address, family: 4 }]) : callback(null, address, 4),
    },
  });
}

function one(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}

function keepCookies(cookies: Map<string, string>, header: string | string[] | undefined): void {
  for (const line of header === undefined ? [] : [header].flat()) {
    const [pair = "", ...attributes] = line.split(";");
    const [name = "", value = ""] = pair.trim().split(/=(.*)/, 2);
    const expired = attributes.some((attribute) => /^\s*max-age=0\s*$/i.test(attribute));
    if (expired) cookies.delete(name);
    else cookies.set(name, value);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return "no answer within the time";
  const code = "code" in error && typeof error.code === "string" ? error.code : error.name;
  return `${code}: ${error.message}`;
}
