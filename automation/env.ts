import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { z } from "zod";
import { OperatorError, refusal } from "./errors.ts";
import { stackFolder } from "./folders.ts";
import type { Report } from "./report.ts";
import { engineEnvironment, type SessionOptions } from "./session.ts";
import { isLocal, openStackFile } from "./stack-file.ts";

/** Seconds without a call after which the detached helpers of `bascule env` end by themselves. */
const IDLE_SECONDS = 1_800;

const cacheSchema = z.object({ variables: z.record(z.string(), z.string()), pid: z.number().optional() });

/**
 * The variables that make plain `pulumi` work on a stack; starts the stand-ins detached where they are needed and makes the
 * stack if it is a local one that does not exist yet. Run again, it finds what runs already.
 */
export async function stackEnvironment(options: SessionOptions, report: Report): Promise<Record<string, string>> {
  const cacheFile = join(stackFolder(options.cwd, options.stack), `environment-${options.plugins}.json`);
  const known = stillAlive(cacheFile);
  if (known) return known;
  const { variables, standIns } = await engineEnvironment(options, report, IDLE_SECONDS);
  if (isLocal(openStackFile(options.cwd, options.stack))) await ensureStack(options, variables);
  writeFileSync(cacheFile, JSON.stringify({ variables, pid: standIns?.pid }), { mode: 0o600 });
  return variables;
}

/**
 * Ends what `stackEnvironment` started and removes a local stack's backend. The servers themselves are the local cloud's.
 * @throws OperatorError for a stack that is not on the local cloud: its state is nobody's to throw away
 */
export function forgetLocalStack(options: SessionOptions): void {
  if (
    !isLocal(openStackFile(options.cwd, options.stack)) &&
    existsSync(join(stackFolder(options.cwd, options.stack), "backend"))
  ) {
    throw refusal(
      `stack '${options.stack}' is not on the local cloud; its state stays`,
      `pulumi destroy --stack ${options.stack}`,
    );
  }
  const folder = stackFolder(options.cwd, options.stack);
  for (const file of readdirSync(folder).filter((name) => name.startsWith("environment-"))) {
    const { pid } = cacheSchema.parse(JSON.parse(readFileSync(join(folder, file), "utf8")));
    if (pid !== undefined && alive(pid)) process.kill(pid, "SIGTERM");
  }
  rmSync(folder, { recursive: true, force: true });
}

function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function stillAlive(cacheFile: string): Record<string, string> | null {
  if (!existsSync(cacheFile)) return null;
  const { variables, pid } = cacheSchema.parse(JSON.parse(readFileSync(cacheFile, "utf8")));
  return pid !== undefined && alive(pid) ? variables : null;
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
