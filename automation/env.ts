import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { z } from "zod";
import { engineVariables, type SessionOptions, startPlugins } from "./environment.ts";
import { OperatorError, refusal } from "./errors.ts";
import { stackFolder } from "./folders.ts";
import { holdForward } from "./forward.ts";
import { endHelper, helperLives } from "./helper-process.ts";
import type { Report } from "./report.ts";
import { openStackSession } from "./session.ts";
import { isLocal, openStackFile } from "./stack-file.ts";

/** Seconds without a call after which the detached helpers of `bascule env` end by themselves. */
const IDLE_SECONDS = 1_800;

const helpersSchema = z.object({
  variables: z.record(z.string(), z.string()),
  standIns: z.number().optional(),
  forward: z.number().optional(),
});
type Helpers = z.infer<typeof helpersSchema>;

/**
 * The variables that make plain `pulumi` work on a stack. Starts the stand-ins and the way to the database as processes of their
 * own, where they are needed, and makes the stack if it is a local one that does not exist yet. Run again, it finds what runs.
 */
export async function stackEnvironment(options: SessionOptions, report: Report): Promise<Record<string, string>> {
  const file = join(stackFolder(options.cwd, options.stack), `environment-${options.plugins}.json`);
  const known = readHelpers(file);
  const write = (helpers: Helpers) => writeFileSync(file, JSON.stringify(helpers), { mode: 0o600 });
  const helpers =
    known?.standIns && helperLives(known.standIns)
      ? known
      : { ...(await startEngineHelpers(options, report)), forward: known?.forward };
  // Before anything else may fail: a helper nobody has written down is a helper nobody ends.
  write(helpers);
  if (isLocal(openStackFile(options.cwd, options.stack))) await ensureStack(options, helpers.variables);
  if (helpers.forward === undefined || !helperLives(helpers.forward))
    helpers.forward = await openWay(options, helpers, report);
  write(helpers);
  return helpers.variables;
}

async function startEngineHelpers(options: SessionOptions, report: Report): Promise<Helpers> {
  const { variables, standIns } = await startPlugins(await engineVariables(options, report), IDLE_SECONDS);
  return { variables, standIns: standIns?.pid };
}

/** Nothing to open before the first `up`: there is no server yet, and perhaps no settings. */
async function openWay(options: SessionOptions, { variables }: Helpers, report: Report): Promise<number | undefined> {
  const { exitCode, stdout } = await execa("pulumi", ["stack", "output", "--json", "--non-interactive"], {
    cwd: options.cwd,
    env: variables,
    reject: false,
  });
  if (exitCode !== 0 || !("serverAddress" in JSON.parse(stdout))) return undefined;
  report.line("opening the way to the database");
  return holdForward(await openStackSession(options, variables), IDLE_SECONDS);
}

/**
 * Ends what `stackEnvironment` started and removes a local stack's backend. The servers themselves are the local cloud's.
 * @throws OperatorError for a stack that is not on the local cloud: its state is nobody's to throw away
 */
export function forgetLocalStack(options: SessionOptions): void {
  const file = openStackFile(options.cwd, options.stack);
  if (!isLocal(file)) {
    throw refusal(
      `stack '${options.stack}' is not on the local cloud; its state stays`,
      `pulumi destroy --stack ${options.stack}`,
    );
  }
  const folder = stackFolder(options.cwd, options.stack);
  for (const name of readdirSync(folder).filter((entry) => entry.startsWith("environment-"))) {
    const helpers = readHelpers(join(folder, name));
    for (const pid of [helpers?.standIns, helpers?.forward]) endHelper(pid);
  }
  rmSync(folder, { recursive: true, force: true });
  file.dropEncryption();
}

function readHelpers(file: string): Helpers | null {
  return existsSync(file) ? helpersSchema.parse(JSON.parse(readFileSync(file, "utf8"))) : null;
}

async function ensureStack(options: SessionOptions, variables: Record<string, string>): Promise<void> {
  const { exitCode, stderr } = await execa(
    "pulumi",
    ["stack", "select", "--create", options.stack, "--non-interactive"],
    {
      cwd: options.cwd,
      env: variables,
      reject: false,
    },
  );
  if (exitCode !== 0)
    throw new OperatorError(`the stack could not be made: ${stderr.trim()}`, "check the folder given with --cwd");
}

/** `export NAME='value'` lines for `eval`. */
export function asShell(variables: Record<string, string>): string {
  return Object.entries(variables)
    .map(([name, value]) => `export ${name}='${value.replaceAll("'", "'\\''")}'`)
    .join("\n");
}
