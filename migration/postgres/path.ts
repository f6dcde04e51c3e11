import type { Side } from "../side.ts";
import type { Database } from "./database.ts";

/** A session at each side; the work of one operator goes through one pair of them. */
export type Sessions = Readonly<Record<Side, Database>>;

/**
 * What carries the changes of one side to the other: a subscription of the other side (`native.ts`), or an applier that pushes them
 * there. Every call may be repeated; the second one changes nothing.
 */
export interface Path {
  /** The side whose changes it carries; its slot and its publication there are named `streamName(from)`. */
  readonly from: Side;
  /**
   * Does ahead, while nobody is held, what {@link start} would take time for; nothing is carried yet. What was made ahead earlier is made
   * anew, as tables may have come since.
   */
  prepare(at: Sessions): Promise<void>;
  /** Begins to carry from the slot on, which exists. Rows that are there already are not copied. */
  start(at: Sessions): Promise<void>;
  /** Ends it: when this returns nothing arrives any more. The slot stays, as whoever stands still there may not let go of it. */
  stop(at: Sessions): Promise<void>;
  /** @returns why nothing can arrive (it is missing, disabled, has met an error), or undefined where all is well */
  trouble(at: Sessions): Promise<string | undefined>;
  /**
   * Whether the other side has everything up to this place in the log of `from`, and has it on disk.
   * @param waitMs how long to wait for that, in milliseconds. @default 0
   */
  holds(at: Sessions, lsn: string, waitMs?: number): Promise<boolean>;
}
