/** Takes one line of progress, without a line end. */
export type Report = (line: string) => void;

/** What a caller may hand to long work besides its report. */
export interface Options {
  /** Ends the work early; what it began is cleaned up. */
  signal?: AbortSignal;
}

/** An error whose message is written for the person at the terminal: what, where, and the next command. */
export class ToolError extends Error {
  override name = "ToolError";
}

/** Work shorter than this goes without a closing line. */
const QUIET_MS = 2_000;
const HEARTBEAT_MS = 15_000;

/** Says what begins, keeps saying how long it has taken, and says when it is done. */
export async function step<T>(report: Report, what: string, work: () => Promise<T>): Promise<T> {
  const begin = performance.now();
  const elapsed = () => `${((performance.now() - begin) / 1000).toFixed(0)} s`;
  report(what);
  const heartbeat = setInterval(() => report(`${what}: ${elapsed()} so far`), HEARTBEAT_MS);
  try {
    const result = await work();
    if (performance.now() - begin > QUIET_MS) {
      report(`${what}: done in ${elapsed()}`);
    }
    return result;
  } finally {
    clearInterval(heartbeat);
  }
}

/** The first line of whatever was thrown, to be put into a sentence. */
export function reason(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return (text.split("\n")[0] ?? text).replace(/\.$/, "");
}
