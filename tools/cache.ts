import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import type { Report } from "./report.ts";

/** Folder for what can be made again, `${XDG_CACHE_HOME:-~/.cache}/bascule`. */
export function cacheDirectory(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "bascule");
}

/** Folder for what has to be remembered, `${XDG_STATE_HOME:-~/.local/state}/bascule`; made when absent. */
export async function stateDirectory(): Promise<string> {
  const directory = join(process.env.XDG_STATE_HOME || join(homedir(), ".local", "state"), "bascule");
  await mkdir(directory, { recursive: true, mode: 0o700 });
  return directory;
}

/** Runs `work` with a folder of its own that is gone afterwards, whatever happened; sweeps those of killed runs. */
export async function withWorkDirectory<T>(work: (directory: string) => Promise<T>): Promise<T> {
  const parent = process.env.TMPDIR ?? (process.platform === "linux" ? "/var/tmp" : tmpdir());
  await sweep(parent);
  const directory = await mkdtemp(join(parent, `bascule-${process.pid}-`));
  try {
    return await work(directory);
  } finally {
    await remove(directory);
  }
}

async function sweep(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const owner = /^bascule-(\d+)-\w{6}$/.exec(name)?.[1];
    if (owner && !isAlive(Number(owner))) {
      await remove(join(parent, name));
    }
  }
}

/** Never follows into something that is still mounted below a half-made root file system. */
async function remove(directory: string): Promise<void> {
  await execa("rm", ["-rf", "--one-file-system", directory], { reject: false });
}

/** Whether a process exists, ours or not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/**
 * Runs `work` while no other process of this user does the same. The lock is an abstract socket: the kernel drops it
 * with its process, so a killed run leaves no stale lock behind.
 */
export async function withLock<T>(name: string, report: Report, work: () => Promise<T>): Promise<T> {
  const scope = createHash("sha256").update(cacheDirectory()).digest("hex").slice(0, 12);
  const path = `\0bascule-${process.getuid?.() ?? 0}-${scope}-${name}`;
  let told = false;
  for (;;) {
    const lock = await take(path);
    if (lock) {
      try {
        return await work();
      } finally {
        lock.close();
      }
    }
    if (!told) {
      report(`waiting for process ${await holder(path)}, which is at the same work (${name})`);
      told = true;
    }
    await sleep(500);
  }
}

function take(path: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on("error", () => socket.destroy());
      socket.end(String(process.pid));
    });
    server.once("error", (error: NodeJS.ErrnoException) =>
      error.code === "EADDRINUSE" ? resolve(undefined) : reject(error),
    );
    server.listen(path, () => resolve(server));
  });
}

function holder(path: string): Promise<string> {
  return new Promise((resolve) => {
    let pid = "";
    const socket = connect(path);
    socket.setTimeout(1000, () => socket.destroy());
    socket.on("data", (chunk) => {
      pid += chunk.toString();
    });
    socket.on("error", () => socket.destroy());
    socket.on("close", () => resolve(pid || "unknown"));
  });
}
