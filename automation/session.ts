import { delimiter, dirname, join } from "node:path";
import { LocalWorkspace, PulumiCommand, type Stack } from "@pulumi/pulumi/automation/index.js";
import { parseSettings, type Settings } from "../settings/parse.ts";
import { ensureEngine } from "../tools/engine.ts";
import { explain, OperatorError } from "./errors.ts";
import { localBackend } from "./folders.ts";
import { endHelper } from "./helper-process.ts";
import { choosePlugins, type PluginMode, type StandIns, startStandIns, withDynamicPlugin } from "./plugins.ts";
import type { Report } from "./report.ts";
import { isLocal, openStackFile, type StackFile } from "./stack-file.ts";

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

/** One stack with everything an operation on it needs. Close it: it may hold a plugin process. */
export interface Session {
  stack: Stack;
  settings: Settings;
  secrets: { sshPrivateKey: string; blueDatabaseUrl?: string };
  file: StackFile;
  close(): void;
}

/**
 * Finds the engine, chooses the plugins and says which.
 * @param idleSeconds how long the stand-ins wait for a call before they end by themselves
 */
export async function engineEnvironment(
  options: SessionOptions,
  report: Report,
  idleSeconds: number,
): Promise<EngineEnvironment> {
  const file = openStackFile(options.cwd, options.stack);
  const { engine, variables } = await bareEnvironment(options, report);
  const plugins = await choosePlugins(options.plugins, engine, variables.PATH ?? "");
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
  const standIns = await startStandIns(idleSeconds);
  return {
    plugins,
    standIns,
    variables: {
      ...variables,
      PULUMI_DEBUG_PROVIDERS: standIns.providers,
      PULUMI_DEBUG_LANGUAGES: standIns.language,
      PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    },
  };
}

/** Enough to ask the engine what is in the stack and its file; to change anything takes plugins too. */
export async function bareEnvironment(
  options: SessionOptions,
  report: Report,
): Promise<{ engine: string; variables: Record<string, string> }> {
  const engine = await ensureEngine((line) => report.line(line));
  const binaries = join(import.meta.dirname, "..", "node_modules", ".bin");
  const variables = {
    PATH: withDynamicPlugin([binaries, dirname(engine.path), process.env.PATH ?? ""].join(delimiter), engine),
    PULUMI_STACK: options.stack,
    PULUMI_SKIP_UPDATE_CHECK: "true",
    ...(isLocal(openStackFile(options.cwd, options.stack)) ? localVariables(options) : {}),
  };
  return { engine: engine.path, variables };
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

/** Opens a stack that exists, with plugins of its own for as long as the session lasts. */
export async function openSession(options: SessionOptions, report: Report): Promise<Session> {
  const environment = await engineEnvironment(options, report, 600);
  const close = () => endHelper(environment.standIns?.pid);
  // Also where a signal ends this process in the middle of something.
  process.once("exit", close);
  try {
    return { ...(await openStackSession(options, environment.variables)), close };
  } catch (error) {
    close();
    throw explain(error, options.stack);
  }
}

/** A session in an environment that is there already. Never makes a stack, so a misspelt name cannot. */
export async function openStackSession(options: SessionOptions, variables: Record<string, string>): Promise<Session> {
  // The SDK looks for the engine on our own PATH, not on the one it hands to the engine.
  process.env.PATH = variables.PATH;
  const stack = await LocalWorkspace.selectStack(
    { stackName: options.stack, workDir: options.cwd },
    {
      pulumiCommand: await PulumiCommand.get({ skipVersionCheck: true }),
      envVars: { ...variables, PULUMI_EXPERIMENTAL: "true" },
    },
  );
  return { stack, ...(await readConfig(stack)), file: openStackFile(options.cwd, options.stack), close: () => {} };
}

async function readConfig(stack: Stack): Promise<Pick<Session, "settings" | "secrets">> {
  const config = await stack.getAllConfig();
  const settings = parseSettings(Object.fromEntries(Object.entries(config).map(([key, { value }]) => [key, value])));
  const sshPrivateKey = config["bascule:sshPrivateKey"]?.value;
  if (sshPrivateKey === undefined) {
    throw new OperatorError(
      "bascule:sshPrivateKey is not set",
      "pulumi config set --secret bascule:sshPrivateKey < ~/.ssh/id_ed25519",
    );
  }
  return { settings, secrets: { sshPrivateKey, blueDatabaseUrl: config["bascule:blueDatabaseUrl"]?.value } };
}
