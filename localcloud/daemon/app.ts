import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest, LogController } from "fastify";
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from "fastify-type-provider-zod";
import { z } from "zod";
import type { Machines } from "../machines/types.ts";
import { type Fault, type Faults, faultSchema, serverFaultSchema } from "./faults.ts";

/** The APIs and where they live. */
export const PREFIXES = { hetzner: "/hetzner/v1", cloudflare: "/cloudflare/client/v4" } as const;
type Api = keyof typeof PREFIXES;

const LOOPBACK = "127.0.0.1";
/** Wire code of an ordered `status` fault that names none, as each API would say it. */
const HETZNER_CODES: Record<number, string> = {
  401: "unauthorized",
  403: "forbidden",
  404: "not_found",
  409: "conflict",
  412: "resource_unavailable",
  422: "invalid_input",
  423: "locked",
  429: "rate_limit_exceeded",
  502: "bad_gateway",
  503: "unavailable",
  504: "timeout",
};
const CLOUDFLARE_CODE = 10001;

export interface AppOptions {
  faults: Faults;
  /** The daemon's state as `/_status` tells it. */
  status: () => object;
  /** For servers ordered to hang. */
  machines: Pick<Machines, "freeze" | "thaw">;
  /** Calls to the APIs are refused with 503 until this is true. */
  ready: () => boolean;
  /** JSON lines go here; without it nothing is logged. */
  logFile?: string;
}

/** The one HTTP server: faults before everything, `/_status` and `/_faults` for this machine only; the APIs are registered by the caller. */
export function buildApp(options: AppOptions): FastifyInstance {
  const app = Fastify({
    logger: loggerOptions(options.logFile),
    forceCloseConnections: true,
    // A call per poll of every client is noise; what matters is logged by the actions.
    logController: new LogController({ disableRequestLogging: true }),
    routerOptions: { ignoreTrailingSlash: true },
  });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  allowEmptyBodies(app);
  addRequestLog(app);
  addFaults(app, options.faults);
  app.addHook("onRequest", async (request, reply) => {
    const api = apiOf(request.url);
    if (api !== null && !options.ready()) {
      return reply.code(503).send(errorBody(api, 503, undefined, "the local cloud is still starting"));
    }
  });
  app.register(async (own) => registerOwn(own, options));
  return app;
}

function loggerOptions(file: string | undefined) {
  if (file === undefined) {
    return false;
  }
  return {
    level: "info",
    file,
    redact: { paths: ["headers.authorization", "req.headers", "*.token", "token", "userData"], censor: "***" },
  };
}

/** Clients announce JSON and send nothing, for example to switch a server off. */
function allowEmptyBodies(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser("error", "error");
  app.addContentTypeParser("application/json", { parseAs: "string" }, (request, text: string, done) => {
    if (text.trim() === "") {
      done(null, undefined);
    } else {
      parse(request, text, done);
    }
  });
}

/** One line per changing call and per refused one; reads that went well are left out, bodies and headers always. */
function addRequestLog(app: FastifyInstance): void {
  app.addHook("onResponse", async (request, reply) => {
    if (request.method !== "GET" || reply.statusCode >= 400) {
      const { method, url } = request;
      request.log.info({ method, url, status: reply.statusCode, ms: Math.round(reply.elapsedTime) }, "call");
    }
  });
}

function apiOf(url: string): Api | null {
  return (Object.keys(PREFIXES) as Api[]).find((api) => url.startsWith(`${PREFIXES[api]}/`)) ?? null;
}

function addFaults(app: FastifyInstance, faults: Faults): void {
  const afterwards = new WeakMap<FastifyRequest, Fault>();
  app.addHook("onRequest", async (request, reply) => {
    const api = apiOf(request.url);
    if (api === null) {
      return;
    }
    const path = (request.url.split("?")[0] ?? "").slice(PREFIXES[api].length);
    const fault = faults.take(api, request.method, path, ["status", "hang", "drop"]);
    if (fault === undefined) {
      return;
    }
    request.log.warn({ fault }, "an ordered fault strikes");
    if (fault.after) {
      afterwards.set(request, fault);
      return;
    }
    return strike(api, fault, request, reply);
  });
  app.addHook("onSend", async (request, reply, payload) => {
    const fault = afterwards.get(request);
    if (fault === undefined) {
      return payload;
    }
    if (fault.kind === "status") {
      reply.code(fault.status);
      return JSON.stringify(errorBody(apiOf(request.url) ?? "hetzner", fault.status, fault.code, fault.message));
    }
    await silence(fault, request);
    return payload;
  });
}

async function strike(api: Api, fault: Fault, request: FastifyRequest, reply: FastifyReply) {
  if (fault.kind !== "status") {
    reply.hijack();
    await silence(fault, request);
    return;
  }
  // Without this header the official Cloudflare client tries ten times, for minutes.
  const quiet = api === "cloudflare" ? { "x-should-retry": "false" } : {};
  reply.headers({ ...quiet, ...fault.headers });
  return reply.code(fault.status).send(errorBody(api, fault.status, fault.code, fault.message));
}

/** `drop` cuts the connection, `hang` keeps it open without a word until the client gives up. */
async function silence(fault: Fault, request: FastifyRequest): Promise<void> {
  const { socket } = request.raw;
  if (fault.kind === "drop") {
    socket.destroy();
    return;
  }
  await new Promise((resolve) => socket.once("close", resolve));
}

function errorBody(api: Api, status: number, code: string | number | undefined, message: string): object {
  if (api === "hetzner") {
    return { error: { code: code ?? HETZNER_CODES[status] ?? "server_error", message, details: null } };
  }
  return { success: false, errors: [{ code: code ?? CLOUDFLARE_CODE, message }], messages: [], result: null };
}

/** What belongs to neither API. Servers reach the APIs by the core gateway, but not these. */
function registerOwn(plain: FastifyInstance, options: AppOptions): void {
  const app = plain.withTypeProvider<ZodTypeProvider>();
  app.addHook("onRequest", async (request, reply) => {
    // A call without a socket comes from a test inside this process.
    const { localAddress = LOOPBACK } = request.raw.socket;
    if (localAddress !== LOOPBACK) {
      return reply.code(403).send({ error: "only for the machine the local cloud runs on" });
    }
  });
  app.get("/_status", { schema: { response: { 200: z.looseObject({}) } } }, async () => ({ ...options.status() }));
  app.get(
    "/_faults",
    { schema: { response: { 200: z.object({ faults: z.array(z.looseObject({})) }) } } },
    async () => ({
      faults: options.faults.list(),
    }),
  );
  const frozen = new Set<number>();
  app.post("/_faults", { schema: { body: z.union([faultSchema, serverFaultSchema]) } }, async (request, reply) => {
    const order = request.body;
    if (!("server" in order)) return reply.code(201).send(options.faults.add(order));
    await options.machines.freeze(order.server);
    frozen.add(order.server);
    return reply.code(201).send(order);
  });
  app.delete("/_faults", async (_request, reply) => {
    options.faults.clear();
    for (const id of frozen) await options.machines.thaw(id);
    frozen.clear();
    return reply.code(204).send();
  });
}
