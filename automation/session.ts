import { type ConfigMap, LocalWorkspace, PulumiCommand, Stack } from "@pulumi/pulumi/automation/index.js";
import { parseSettings, type Settings } from "../settings/parse.ts";
import { engineVariables, type SessionOptions, startPlugins } from "./environment.ts";
import { explain, OperatorError } from "./errors.ts";
import { type GatePlace, gatePlace } from "./gate.ts";
import { endHelper } from "./helper-process.ts";
import type { Report } from "./report.ts";
import { openStackFile, type StackFile } from "./stack-file.ts";

/** One stack as it is deployed and set, with what it takes to reach its servers. */
export interface StackSession {
  stack: Stack;
  settings: Settings;
  secrets: { sshPrivateKey: string; blueDatabaseUrl?: string; blueRedisUrl?: string };
  file: StackFile;
}

/** One stack with everything an operation on it needs. Close it: it may hold a plugin process. */
export interface Session extends StackSession {
  gates: GatePlace;
  close(): void;
}

/** Opens a stack that exists, with plugins of its own for as long as the session lasts. */
export async function openSession(options: SessionOptions, report: Report): Promise<Session> {
  const gates = gatePlace();
  let helper: number | undefined;
  const close = () => {
    endHelper(helper);
    gates.remove();
  };
  // Also where a signal ends this process in the middle of something.
  process.once("exit", close);
  try {
    const environment = await engineVariables(options, report, gates.variables);
    // Side by side: to look at the stack takes no plugins.
    const [session, plugins] = await Promise.all([
      openStackSession(options, environment.variables),
      startPlugins(environment, 600, gates.variables).then((started) => {
        helper = started.standIns?.pid;
        return started;
      }),
    ]);
    Object.assign(session.stack.workspace.envVars, plugins.variables);
    return { ...session, gates, close };
  } catch (error) {
    close();
    throw explain(error, options.stack);
  }
}

/** A session in an environment that is there already. Never makes a stack, so a misspelt name cannot. */
export async function openStackSession(
  options: SessionOptions,
  variables: Record<string, string>,
): Promise<StackSession> {
  // The SDK looks for the engine on our own PATH, not on the one it hands to the engine.
  process.env.PATH = variables.PATH;
  const workspace = await LocalWorkspace.create({
    workDir: options.cwd,
    pulumiCommand: await PulumiCommand.get({ skipVersionCheck: true }),
    envVars: { ...variables, PULUMI_EXPERIMENTAL: "true" },
  });
  // Each is a run of the engine. Where the stack does not exist both fail, and the first one says so.
  const config = workspace.getAllConfig(options.stack);
  config.catch(() => undefined);
  const stack = await Stack.select(options.stack, workspace);
  return { stack, ...readConfig(await config), file: openStackFile(options.cwd, options.stack) };
}

function readConfig(config: ConfigMap): Pick<StackSession, "settings" | "secrets"> {
  const settings = parseSettings(Object.fromEntries(Object.entries(config).map(([key, { value }]) => [key, value])));
  const sshPrivateKey = config["bascule:sshPrivateKey"]?.value;
  if (sshPrivateKey === undefined) {
    throw new OperatorError(
      "bascule:sshPrivateKey is not set",
      "pulumi config set --secret bascule:sshPrivateKey < ~/.ssh/id_ed25519",
    );
  }
  const [blueDatabaseUrl, blueRedisUrl] = ["blueDatabaseUrl", "blueRedisUrl"].map(
    (key) => config[`bascule:${key}`]?.value,
  );
  return { settings, secrets: { sshPrivateKey, blueDatabaseUrl, blueRedisUrl } };
}
