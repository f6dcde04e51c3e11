import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";

const KILL_MS = 10_000;

/** How long work of many processes ended, and all that it said. */
export interface Run {
  failed: boolean;
  exitCode: number | undefined;
  output: string;
}

export interface RunOptions {
  env?: Record<string, string>;
  cwd?: string;
  signal?: AbortSignal;
}

/**
 * Runs a program that starts many others, as a process group of its own: an abort reaches every one of them, and this
 * returns only when all are gone, so that their folder can be removed.
 */
export async function runGroup(file: string, args: string[], options: RunOptions): Promise<Run> {
  options.signal?.throwIfAborted();
  const { env, cwd, signal } = options;
  const child = execa(file, args, { env, cwd, all: true, reject: false, stdin: "ignore", detached: true });
  const end = () => signalGroup(child.pid, "SIGTERM");
  signal?.addEventListener("abort", end);
  process.once("exit", end);
  try {
    const run = await child;
    if (signal?.aborted) {
      await groupGone(child.pid);
    }
    signal?.throwIfAborted();
    return { failed: run.failed, exitCode: run.exitCode, output: run.all ?? "" };
  } finally {
    signal?.removeEventListener("abort", end);
    process.removeListener("exit", end);
  }
}

async function groupGone(pid: number | undefined): Promise<void> {
  for (const deadline = Date.now() + KILL_MS; signalGroup(pid, 0); await sleep(50)) {
    if (Date.now() > deadline) {
      signalGroup(pid, "SIGKILL");
    }
  }
}

/** False when the group is gone. */
function signalGroup(pid: number | undefined, signal: NodeJS.Signals | 0): boolean {
  try {
    return pid !== undefined && process.kill(-pid, signal);
  } catch {
    return false;
  }
}
