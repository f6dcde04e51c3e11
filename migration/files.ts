import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A file of JSON in a folder; undefined where there is none. */
export function readJson<T>(folder: string, name: string): T | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, name), "utf8")) as T;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/**
 * Written whole, or left as it was; only its owner reads it.
 * @param kept whether it is on the disk before this returns, so that a power cut does not take it back
 */
export function writeJson(folder: string, name: string, content: unknown, kept = true): void {
  const path = join(folder, name);
  writeFileSync(`${path}.${process.pid}`, JSON.stringify(content), { mode: 0o600, flush: kept });
  renameSync(`${path}.${process.pid}`, path);
}

/** Of a note in such a file, in milliseconds. One of the future is as old as it is far: the clock was set back since. */
export function age({ at }: { at: number }): number {
  return Math.abs(Date.now() - at);
}
