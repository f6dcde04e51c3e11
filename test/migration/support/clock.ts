import { globSync } from "node:fs";

/** How far a test puts the clock of a server off. */
export const HOUR_MS = 3_600_000;

/**
 * Where Debian's `datefudge` is, which shows a program another time than it is. Not `libfaketime`: signal handlers of a program that
 * waits see the true time there, so that a server whose clock is ahead never ends a wait for a lock.
 */
const [library] = globSync("/usr/lib/*/datefudge/datefudge.so");

/** @returns why no server can have a clock of its own here, or undefined */
export function clockMissing(): string | undefined {
  return library === undefined ? "datefudge is not there (apt-get install datefudge)" : undefined;
}

/**
 * What a program is started with so that its clock is off by so much; how long something takes stays true.
 * @throws Error where the library is missing
 */
export function clockEnvironment(offMs: number): Record<string, string> {
  if (offMs === 0) return {};
  if (library === undefined) throw new Error(clockMissing());
  // It counts what to take away.
  return { LD_PRELOAD: library, DATEFUDGE: String(-offMs / 1000) };
}
