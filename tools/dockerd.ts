import { spawn } from "node:child_process";
import { once } from "node:events";
import { open, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isAlive, stateDirectory } from "./cache.ts";
import { ToolError } from "./report.ts";

const START_MS = 60_000;
const STOP_MS = 30_000;

/** Where a dockerd of ours writes its process id and its log. */
export async function dockerdFiles(): Promise<{ pid: string; log: string }> {
  const directory = await stateDirectory();
  return { pid: join(directory, "dockerd.pid"), log: join(directory, "dockerd.log") };
}

/** Starts dockerd so that it outlives this process, and waits until `answers` says yes. */
export async function startDockerd(binary: string, answers: () => Promise<boolean>): Promise<void> {
  const files = await dockerdFiles();
  if ((await ownDockerd()) === undefined) {
    await rm(files.pid, { force: true });
  }
  const log = await open(files.log, "w", 0o600);
  // The path of the pid file on its command line is what later tells our dockerd from any other.
  const child = spawn(binary, ["--pidfile", files.pid], { detached: true, stdio: ["ignore", log.fd, log.fd] });
  child.unref();
  const ended = once(child, "exit").catch(() => undefined);
  let running = true;
  ended.then(() => {
    running = false;
  });
  try {
    for (const deadline = Date.now() + START_MS; Date.now() < deadline && running; ) {
      if (await answers()) {
        return;
      }
      await Promise.race([sleep(300), ended]);
    }
  } finally {
    await log.close();
  }
  if (running) {
    child.kill("SIGTERM");
  }
  const text = (await readFile(files.log, "utf8")).trim().split("\n").at(-1) ?? "";
  throw new ToolError(`dockerd did not come up: ${text || "no message"}. Read its log: less ${files.log}`);
}

/** The process id of the dockerd that we started, if it still runs. */
export async function ownDockerd(): Promise<number | undefined> {
  const files = await dockerdFiles();
  const pid = Number(await readFile(files.pid, "utf8").catch(() => ""));
  if (!Number.isInteger(pid) || pid <= 1 || !isAlive(pid)) {
    return undefined;
  }
  // A process id may have been given to somebody else since.
  const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  return command.split("\0").includes(files.pid) ? pid : undefined;
}

/** Ends a dockerd of ours and waits until it is gone. */
export async function stopDockerd(pid: number): Promise<void> {
  const files = await dockerdFiles();
  process.kill(pid, "SIGTERM");
  for (const deadline = Date.now() + STOP_MS; isAlive(pid); await sleep(100)) {
    if (Date.now() > deadline) {
      throw new ToolError(
        `dockerd (process ${pid}) does not end after ${STOP_MS / 1000} s. Read its log: less ${files.log}`,
      );
    }
  }
  await rm(files.pid, { force: true });
}
