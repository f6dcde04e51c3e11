import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { helperLog } from "./folders.ts";

export interface HelperProcess {
  pid: number;
  /** The one line it printed when it was ready; null when it ended without. */
  ready: string | null;
  /** Where it writes what goes wrong. */
  log: string;
}

/** Ends a helper; it may have ended by itself, and its number may be another program's by now. */
export function endHelper(pid: number | undefined): void {
  if (pid !== undefined && helperLives(pid)) process.kill(pid, "SIGTERM");
}

/** Whether a helper still runs, by what the kernel says it was started with; its number alone is soon somebody else's. */
export function helperLives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    const started = `/proc/${pid}/cmdline`;
    return !existsSync("/proc/self/cmdline") || HELPERS.test(readFileSync(started, "utf8"));
  } catch {
    return false;
  }
}

const HELPERS = /forward-holder\.ts|localcloud\/(bin\.mjs|cli\.ts)/;

/**
 * Starts a process that outlives this one and waits for its first line. It gets a process group of its own, so that a Ctrl-C of the
 * terminal cannot take it away under an engine that is stopping, and its orders on stdin, as they may hold a key.
 */
export async function startHelper(
  name: string,
  args: string[],
  { orders = "", variables = {} }: { orders?: string; variables?: Record<string, string> } = {},
): Promise<HelperProcess> {
  const { path, descriptor } = helperLog(name);
  const env = { ...process.env, ...variables };
  const child = spawn(process.execPath, args, { detached: true, stdio: ["pipe", "pipe", descriptor], env });
  const { pid, stdin, stdout } = child;
  if (pid === undefined || !stdin || !stdout) return { pid: 0, ready: null, log: path };
  stdin.on("error", () => {});
  stdin.end(orders);
  for await (const ready of createInterface({ input: stdout })) {
    stdout.destroy();
    child.unref();
    return { pid, ready, log: path };
  }
  return { pid, ready: null, log: path };
}
