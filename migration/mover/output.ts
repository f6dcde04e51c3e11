import { FlipAborted, FlipRefused } from "../postgres/flip.ts";

/** One line of a job's output. What people read is made of it by whoever follows the job. */
export type Event =
  | { event: "step"; what: string }
  | { event: "progress"; what: string; share?: number; secondsLeft?: number }
  | { event: "line"; line: string; what: string; ms: number }
  /** The writes have moved; a proof may still be under way. */
  | { event: "flipped"; freezeMs: number; to: string; keys?: unknown }
  | { event: "result"; result: unknown }
  | { event: "error"; kind: "refused" | "reverted" | "failed"; message: string };

export function say(event: Event | Record<string, unknown>): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

/** As the operator's verbs end: refused, nothing was changed; taken back; failed. */
const CODES = { refused: 30, reverted: 20, failed: 1 } as const;

/** @returns the exit code */
export function sayError(error: unknown): number {
  const kind = error instanceof FlipRefused ? "refused" : error instanceof FlipAborted ? "reverted" : "failed";
  say({ event: "error", kind, message: error instanceof Error ? error.message : String(error) });
  return CODES[kind];
}
