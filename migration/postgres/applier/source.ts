import type { Message } from "./pgoutput.ts";

/** The slot of one direction, as the applier reads it. */
export interface ChangeSource {
  /** Whether nobody else can read the slot meanwhile. */
  readonly alone: boolean;
  /** Where everything before was applied. */
  readonly confirmed: bigint;
  /** Up to where the source's log is safe on its disk: nothing beyond may be applied elsewhere, as a power cut could take it back. */
  flushed(): Promise<bigint>;
  /** Milliseconds since 1970 by the source's clock, which its commits are dated by; that of this machine may say something else. */
  readonly now: number;
  /** Whether the source may have written anything that is not applied. @param flushed as just read */
  behind(flushed: bigint): boolean;
  /** Waits so long, and not beyond the stop; ends earlier where it is known that something has come. */
  arrival(ms: number, stop: AbortSignal): Promise<void>;
  /** Whole transactions. @returns whether the reading came to the end of what was flushed before it began */
  read(): AsyncGenerator<Message, boolean>;
  /** Lets the source forget everything before `lsn`, as the target has it on its disk. */
  advance(lsn: bigint): Promise<void>;
  close(): Promise<void>;
}
