import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { helperLog } from "./folders.ts";

export interface HelperProcess {
  pid: number;
  /** The one line it printed when it was ready; null when it ended without. */
  ready: string | null;
  /** Where it writes what goes wrong. */
  log: string;
}

/**
 * Starts a process that outlives this one and waits for its first line. It gets a process group of its own, so that a Ctrl-C of the
 * terminal cannot take it away under an engine that is stopping, and its orders on stdin, as they may hold a key.
 */
export async function startHelper(name: string, args: string[], orders = ""): Promise<HelperProcess> {
  const { path, descriptor } = helperLog(name);
  const child = spawn(process.execPath, args, { detached: true, stdio: ["pipe", "pipe", descriptor] });
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
