import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { UserError } from "./errors.ts";
import { stateRoot } from "./registry.ts";

const PATIENCE_MS = 240_000;
const POLL_MS = 200;

interface Holder {
  pid: number;
  verb: string;
  since: string;
}

/**
 * Runs one operation at a time under a name: one per instance, and one `allocation` for the search of a free slot, which two would
 * otherwise find at once. A lock whose process is gone is taken over.
 */
export async function withLock<T>(name: string, verb: string, run: () => Promise<T>): Promise<T> {
  mkdirSync(stateRoot(), { recursive: true, mode: 0o700 });
  const file = join(stateRoot(), `.${name}.lock`);
  const mine: Holder = { pid: process.pid, verb: `${verb} ${name}`, since: new Date().toISOString() };
  const deadline = Date.now() + PATIENCE_MS;
  while (!take(file, mine)) {
    if (Date.now() > deadline) {
      const holder = read(file);
      throw new UserError(
        `'localcloud ${holder?.verb}' (process ${holder?.pid}, since ${holder?.since}) is still at work; wait for it or end it, then try again`,
      );
    }
    await sleep(POLL_MS);
  }
  try {
    return await run();
  } finally {
    rmSync(file, { force: true });
  }
}

function take(file: string, mine: Holder): boolean {
  const holder = read(file);
  if (holder !== null && !existsSync(`/proc/${holder.pid}`)) {
    rmSync(file, { force: true });
  }
  try {
    writeFileSync(file, JSON.stringify(mine), { flag: "wx", mode: 0o600 });
    return true;
  } catch {
    return false;
  }
}

function read(file: string): Holder | null {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return null;
  }
}
