/** Serves all stand-ins in one process until it is told to end or nobody calls any more. */
import { fileURLToPath } from "node:url";
import type { UntypedServiceImplementation } from "@grpc/grpc-js";
import languageGrpc from "@pulumi/pulumi/proto/language_grpc_pb.js";
import providerGrpc from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import type { Provider } from "./define.ts";
import { Activity, type Served, serve } from "./grpc.ts";
import { languageHandlers } from "./language.ts";
import { providerHandlers } from "./provider.ts";

/** Version of the language host; the same as the engine's and the SDK's. */
const LANGUAGE_VERSION = "3.259.0";

interface Standin {
  name: string;
  version: string;
  handlers(activity: Activity): UntypedServiceImplementation;
  close(): Promise<void>;
}

function standin<C>(name: string, version: string, load: () => Promise<{ provider: Provider<C> }>): Standin {
  let loaded: Promise<Provider<C>> | undefined;
  const once = () => {
    loaded ??= load().then(({ provider }) => provider);
    return loaded;
  };
  return {
    name,
    version,
    handlers: (activity) => providerHandlers({ name, version }, once, activity),
    close: async () => (await loaded)?.close?.(),
  };
}

/** The stand-ins and the versions of the official plugins they stand in for; each is loaded with its first call. */
export const STANDINS: readonly Standin[] = [
  standin("hcloud", "1.41.0", () => import("./hcloud/index.ts")),
  standin("cloudflare", "6.22.1", () => import("./cloudflare/index.ts")),
  standin("command", "1.2.1", () => import("./command/index.ts")),
  standin("random", "4.21.2", () => import("./random/index.ts")),
  standin("postgresql", "3.18.1", () => import("./postgresql/index.ts")),
];

export interface PluginOptions {
  /** End when nobody called for so long; without it, only a signal ends it. */
  idleSeconds?: number;
  /** Print the addresses as one JSON line (else as `export` lines for a shell). */
  json?: boolean;
}

/** Serves until SIGTERM, SIGINT or idleness; prints where, once ready. */
export async function runPlugins({ idleSeconds, json = true }: PluginOptions = {}): Promise<void> {
  const activity = new Activity();
  const served: Served[] = [];
  const names: string[] = [];
  for (const { name, handlers } of STANDINS) {
    const server = await serve(providerGrpc.ResourceProviderService, handlers(activity));
    served.push(server);
    names.push(`${name}:${server.port}`);
  }
  const language = await serve(languageGrpc.LanguageRuntimeService, languageHandlers(LANGUAGE_VERSION, activity));
  served.push(language);
  announce(names.join(","), `nodejs:${language.port}`, json);
  await ending(activity, idleSeconds);
  for (const server of served) server.close();
  await Promise.all(STANDINS.map((one) => one.close()));
}

function announce(providers: string, language: string, json: boolean): void {
  const lines = json
    ? JSON.stringify({ providers, language, pid: process.pid })
    : `export PULUMI_DEBUG_PROVIDERS=${providers}\nexport PULUMI_DEBUG_LANGUAGES=${language}`;
  process.stdout.write(`${lines}\n`);
}

function ending(activity: Activity, idleSeconds: number | undefined): Promise<void> {
  return new Promise((resolve) => {
    process.once("SIGTERM", () => resolve());
    process.once("SIGINT", () => resolve());
    if (idleSeconds === undefined) return;
    const timer = setInterval(() => {
      if (activity.idle() < idleSeconds * 1000) return;
      clearInterval(timer);
      resolve();
    }, 250);
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await runPlugins();
