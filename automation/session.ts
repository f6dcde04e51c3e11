import { LocalWorkspace, PulumiCommand, type Stack } from "@pulumi/pulumi/automation/index.js";
import { parseSettings, type Settings } from "../settings/parse.ts";
import { engineEnvironment, type SessionOptions } from "./environment.ts";
import { explain, OperatorError } from "./errors.ts";
import { endHelper } from "./helper-process.ts";
import type { Report } from "./report.ts";
import { openStackFile, type StackFile } from "./stack-file.ts";

/** One stack with everything an operation on it needs. Close it: it may hold a plugin process. */
export interface Session {
  stack: Stack;
  settings: Settings;
  secrets: { sshPrivateKey: string; blueDatabaseUrl?: string };
  file: StackFile;
  close(): void;
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
