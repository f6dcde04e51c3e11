import { globSync } from "node:fs";

/** How far a test puts the clock of a server off. */
export const HOUR_MS = 3_600_000;

/** Where Debian's `libfaketime` is, which shows a program another time than it is. */
const [library] = globSync("/usr/lib/{*/,}faketime/libfaketime.so.1");

/** @returns why no server can have a clock of its own here, or undefined */
export function clockMissing(): string | undefined {
  return library === undefined ? "libfaketime is not there (apt-get install faketime)" : undefined;
}

/**
 * What a program is started with so that its clock is off by so much; how long something takes stays true.
 * @throws Error where the library is missing
 */
export function clockEnvironment(offMs: number): Record<string, string> {
  if (offMs === 0) return {};
  if (library === undefined) throw new Error(clockMissing());
  const seconds = offMs / 1000;
  return { LD_PRELOAD: library, FAKETIME: `${seconds < 0 ? "" : "+"}${seconds}`, FAKETIME_DONT_FAKE_MONOTONIC: "1" };
}
