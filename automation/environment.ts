import { delimiter, dirname, join } from "node:path";
import { cacheDirectory } from "../tools/cache.ts";
import { ensureEngine } from "../tools/engine.ts";
import { OperatorError } from "./errors.ts";
import { localBackend } from "./folders.ts";
import { choosePlugins, type PluginMode, type StandIns, startStandIns, withDynamicPlugin } from "./plugins.ts";
import type { Report } from "./report.ts";
import { isLocal, openStackFile } from "./stack-file.ts";

/** Where an operation takes place. */
export interface SessionOptions {
  stack: string;
  /** Folder of `Pulumi.yaml`. */
  cwd: string;
  plugins: PluginMode;
}

/** The environment in which the engine runs for one stack; the same for our verbs and for `bascule env`. */
export interface EngineEnvironment {
  variables: Record<string, string>;
  plugins: "official" | "stand-in";
  standIns?: StandIns;
}

/**
 * Finds the engine, chooses the plugins and says which. What it gives is enough to look at a stack, and for official plugins.
 * @param forProgram variables of the program, which the official language host has from the engine
 */
export async function engineVariables(
  options: SessionOptions,
  report: Report,
  forProgram: Record<string, string> = {},
): Promise<EngineEnvironment> {
  const file = openStackFile(options.cwd, options.stack);
  const engine = await ensureEngine((line) => report.line(line));
  const binaries = join(import.meta.dirname, "..", "node_modules", ".bin");
  const variables = {
    PATH: withDynamicPlugin([binaries, dirname(engine.path), process.env.PATH ?? ""].join(delimiter), engine),
    ...stackVariables(options),
    ...compiled(),
    ...forProgram,
  };
  const plugins = await choosePlugins(options.plugins, engine.path, variables.PATH);
  report.line(
    plugins === "official"
      ? "plugins: official"
      : `plugins: stand-ins of the local cloud${options.plugins === "auto" ? " (the official ones are not here)" : ""}`,
  );
  if (plugins === "official") return { variables, plugins };
  if (!isLocal(file)) {
    throw new OperatorError(
      `stack '${options.stack}' is not on the local cloud, and the official provider plugins are not on this machine`,
      "run it where the official plugins can be installed; the stand-ins refuse every endpoint but the local cloud",
    );
  }
  return { variables, plugins };
}

/**
 * Starts the stand-ins, where they were chosen.
 * @param idleSeconds how long they wait for a call before they end by themselves
 * @param forProgram variables of the program, which the stand-ins start themselves
 */
export async function startPlugins(
  environment: EngineEnvironment,
  idleSeconds: number,
  forProgram: Record<string, string> = {},
): Promise<EngineEnvironment> {
  if (environment.plugins === "official") return environment;
  const standIns = await startStandIns(idleSeconds, { ...compiled(), ...forProgram });
  return {
    ...environment,
    standIns,
    variables: {
      ...environment.variables,
      PULUMI_DEBUG_PROVIDERS: standIns.providers,
      PULUMI_DEBUG_LANGUAGES: standIns.language,
      PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    },
  };
}

/** The program is loaded anew for every preview and update, and half of that time is compiling the SDK. */
function compiled(): Record<string, string> {
  return { NODE_COMPILE_CACHE: join(cacheDirectory(), "compiled") };
}

/** Enough to ask the engine what is in the stack and its file; to change anything takes plugins too. */
export function stackVariables(options: SessionOptions): Record<string, string> {
  return {
    PULUMI_STACK: options.stack,
    PULUMI_SKIP_UPDATE_CHECK: "true",
    ...(isLocal(openStackFile(options.cwd, options.stack)) ? localVariables(options) : {}),
  };
}

/** Backend and passphrase of a local stack, unless the operator has chosen others. */
function localVariables(options: SessionOptions): Record<string, string> {
  const { url, passphraseFile } = localBackend(options.cwd, options.stack);
  const ownPassphrase =
    process.env.PULUMI_CONFIG_PASSPHRASE !== undefined || process.env.PULUMI_CONFIG_PASSPHRASE_FILE !== undefined;
  return {
    PULUMI_BACKEND_URL: process.env.PULUMI_BACKEND_URL ?? url,
    ...(ownPassphrase ? {} : { PULUMI_CONFIG_PASSPHRASE_FILE: passphraseFile }),
  };
}
