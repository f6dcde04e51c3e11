import { spawn } from "node:child_process";
import { openSync, readFileSync, writeFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { ApplierHost } from "../../../migration/postgres/applier/path.ts";

const MAIN = fileURLToPath(new URL("../../../migration/postgres/applier/main.ts", import.meta.url));

const STOP_MS = 1_000;

/** The applier as a process that outlives whoever started it, as its service on a server does. */
export class ProcessApplier implements ApplierHost {
  readonly #file: string;

  /** @param file its configuration; beside it are its process id and what it said */
  constructor(file: string) {
    this.#file = file;
  }

  async start(): Promise<void> {
    if (this.pid !== undefined) return;
    const log = openSync(`${this.#file}.log`, "a");
    const child = spawn(process.execPath, [MAIN, this.#file], { detached: true, stdio: ["ignore", log, log] });
    writeFileSync(`${this.#file}.pid`, String(child.pid));
    child.unref();
  }

  /** What does not end in time is killed, as systemd does it. */
  async stop(): Promise<void> {
    const began = performance.now();
    for (let pid = this.pid; pid !== undefined; pid = this.pid) {
      process.kill(pid, performance.now() - began > STOP_MS ? "SIGKILL" : "SIGTERM");
      await pause(10);
    }
  }

  async trouble(): Promise<string | undefined> {
    if (this.pid !== undefined) return undefined;
    return `the applier does not run: ${readFileSync(`${this.#file}.log`, "utf8").trim().split("\n").at(-1)}`;
  }

  /** The process, while it is alive; one that has ended and was not waited for is not. */
  get pid(): number | undefined {
    try {
      const pid = Number(readFileSync(`${this.#file}.pid`, "utf8"));
      const state = readFileSync(`/proc/${pid}/stat`, "utf8");
      return state.slice(state.lastIndexOf(")") + 2).startsWith("Z") ? undefined : pid;
    } catch {
      return undefined;
    }
  }
}
