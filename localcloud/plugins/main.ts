/** Serves all stand-ins in one process until it is told to end or nobody calls any more. */
import { fileURLToPath } from "node:url";
import languageGrpc from "@pulumi/pulumi/proto/language_grpc_pb.js";
import providerGrpc from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import type { Provider } from "./define.ts";
import { Activity, type Served, serve } from "./grpc.ts";
import { languageHandlers } from "./language.ts";
import { providerHandlers } from "./provider.ts";
import { STANDINS } from "./standins.ts";

/** Version of the language host; the same as the engine's and the SDK's. */
const LANGUAGE_VERSION = "3.259.0";

export interface PluginOptions {
  /** End when nobody called for so long; without it, only a signal ends it. */
  idleSeconds?: number;
  /** Print the addresses as one JSON line, else as lines for a shell. */
  json?: boolean;
}

/** Serves until SIGTERM, SIGINT or idleness; prints where, once ready. */
export async function runPlugins({ idleSeconds, json = false }: PluginOptions = {}): Promise<void> {
  const activity = new Activity();
  const ending = new AbortController();
  const served: Served[] = [];
  const names: string[] = [];
  const used = new Set<Provider<unknown>>();
  for (const { name, version, load } of STANDINS) {
    const noted = async () => {
      const provider = await load();
      used.add(provider);
      return provider;
    };
    const server = await serve(
      providerGrpc.ResourceProviderService,
      providerHandlers({ name, version }, noted, activity, ending.signal),
    );
    served.push(server);
    names.push(`${name}:${server.port}`);
  }
  const language = await serve(
    languageGrpc.LanguageRuntimeService,
    languageHandlers(LANGUAGE_VERSION, activity, ending.signal),
  );
  served.push(language);
  announce(names.join(","), `nodejs:${language.port}`, json);
  await untilEnd(activity, idleSeconds);
  ending.abort(new Error("the plugins were told to end"));
  for (const server of served) server.close();
  for (const provider of used) await provider.close?.();
}

function announce(providers: string, language: string, json: boolean): void {
  const lines = json
    ? JSON.stringify({ providers, language, pid: process.pid })
    : `export PULUMI_DEBUG_PROVIDERS=${providers}\nexport PULUMI_DEBUG_LANGUAGES=${language}`;
  process.stdout.write(`${lines}\n`);
}

/** How often idleness is looked at. */
const LOOK_MS = 250;
/** How long nobody must have called after Ctrl-C. */
const QUIET_MS = 2000;

/**
 * Ctrl-C reaches this process together with the engine, which still has to wind up what it began: so SIGINT waits until the
 * calls have ceased. SIGTERM, or a second SIGINT, ends at once.
 */
function untilEnd(activity: Activity, idleSeconds: number | undefined): Promise<void> {
  return new Promise((resolve) => {
    let limit = idleSeconds === undefined ? Number.POSITIVE_INFINITY : idleSeconds * 1000;
    let interrupted = false;
    const timer = setInterval(() => {
      if (activity.idle() >= limit) end();
    }, LOOK_MS);
    const end = () => {
      clearInterval(timer);
      process.off("SIGTERM", end);
      process.off("SIGINT", interrupt);
      resolve();
    };
    const interrupt = () => {
      if (interrupted || activity.idle() >= QUIET_MS) return end();
      interrupted = true;
      limit = Math.min(limit, QUIET_MS);
    };
    process.on("SIGTERM", end);
    process.on("SIGINT", interrupt);
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await runPlugins({ json: process.argv.includes("--json") });
