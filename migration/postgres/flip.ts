import { randomUUID } from "node:crypto";
import { otherSide, type Side } from "../side.ts";
import { readFence } from "./fence.ts";
import { HeldUp } from "./held-up.ts";
import { COMMIT_POINT, type Flip, FREEZE, LINES, type Line, RESUMED } from "./lines.ts";
import { type Lease, takeLease } from "./lock.ts";
import type { Move } from "./move.ts";
import { openFlip, recordEnd } from "./records.ts";
import { type Recovery, recover } from "./recover.ts";
import type { Snapshots } from "./snapshots.ts";

/** A line that begins or has ended; `ms` is how long it took. */
export interface LineEvent {
  flip: string;
  line: string;
  what: string;
  phase: "begin" | "end";
  ms?: number;
}

export interface FlipOptions {
  /** Where the writes shall go. */
  to: Side;
  /** Shown to a second operator, such as `bascule on laptop, process 4711`. */
  who: string;
  /** How long writes may be held before everything is put back as it was, in milliseconds. @default 15000 */
  budgetMs?: number;
  /** Ends transactions that the flip would have to wait for. Their clients see an error. @default false: it names them and refuses */
  endLongTransactions?: boolean;
  /** Refuses to begin where no watchdog is connected. @default false */
  requireWatchdog?: boolean;
  /**
   * Goes on where the other side cannot remember what it writes, as somebody else's transaction keeps a slot from being made for 5 s:
   * for a rollback that cannot wait. A flip after it takes a new copy. @default false
   */
  evenWithoutWayBack?: boolean;
  /** Waited for before the line goes on; an error in it ends the flip as any other does. */
  onLine?: (event: LineEvent) => void | Promise<void>;
  /** Compares both sides as they were at the fence, while traffic goes on. Its result is the report's `proof`. */
  prove?: (snapshots: Snapshots) => Promise<unknown>;
  /** The lines themselves. @default LINES */
  lines?: readonly Line[];
}

/** How a flip went. */
export interface FlipReport {
  id: string;
  from: Side;
  to: Side;
  /** Milliseconds of each line. */
  lines: { line: string; ms: number }[];
  /** From the first statement held to the last one let go. */
  freezeMs: number;
  /** Why there is no way back, where it went on without one. */
  wayBackMissing?: string;
  /** Ends when the proof does; undefined where none was asked for. */
  proof?: Promise<unknown>;
}

/** Nothing was changed, and nobody was held up. */
export class FlipRefused extends Error {}

/** The writes are where they were to go, perhaps because a flip that was left behind has just been finished. */
export class AlreadyThere extends FlipRefused {
  readonly recovery: Recovery;

  constructor(message: string, recovery: Recovery) {
    super(message);
    this.recovery = recovery;
  }
}

/** Something was begun and put back; `recovery` says what is true now. */
export class FlipAborted extends Error {
  readonly recovery: Recovery;

  constructor(message: string, recovery: Recovery, cause: unknown) {
    super(message, { cause });
    this.recovery = recovery;
  }
}

const BUDGET_MS = 15_000;

/**
 * Moves the writes to the other side: there, and back, and there again. Up to the commit point whatever goes wrong ends with
 * everything as it was; after it, with the new side open. What an operator left who died is finished or undone first.
 * @throws FlipRefused before anything was changed; FlipAborted after it was put back
 */
export async function flip(move: Move, options: FlipOptions): Promise<FlipReport> {
  const lease = await takeLease(move.access, { who: options.who });
  try {
    await requireWriter(move, lease, options.to);
  } catch (error) {
    await lease.release();
    throw error;
  }
  const work: Flip = {
    id: randomUUID(),
    move,
    lease,
    from: otherSide(options.to),
    to: options.to,
    budgetMs: options.budgetMs ?? BUDGET_MS,
    endLongTransactions: options.endLongTransactions ?? false,
    requireWatchdog: options.requireWatchdog ?? false,
    evenWithoutWayBack: options.evenWithoutWayBack ?? false,
    prove: options.prove,
    catalog: { tables: [], sequences: [], shape: "" },
    number: 0,
  };
  return await new Run(work, options).toItsEnd();
}

/** @throws AlreadyThere where the writes go to `to` already */
async function requireWriter(move: Move, lease: Lease, to: Side): Promise<void> {
  const { at } = lease;
  const clean = (await readFence(at[otherSide(to)])) === "open" && (await readFence(at[to])) === "closed";
  if (clean && !(await openFlip(at.blue)) && !(await openFlip(at.green))) return;
  const recovery = await recover(move, lease);
  const { writer, did } = recovery;
  const before = did === "nothing" ? "" : `; a flip that was left behind was ${did}`;
  if (writer === to) throw new AlreadyThere(`${to} takes the writes already${before}`, recovery);
  if (recovery.unfinished !== undefined) throw aborted("", recovery);
}

function aborted(why: string, recovery: Recovery, cause?: unknown): FlipAborted {
  const { writer, unfinished } = recovery;
  const left =
    unfinished === undefined ? "" : `. Still to be taken away, by the watchdog or by the next run: ${unfinished}`;
  return new FlipAborted(`the writes are at ${writer} as before. ${why}${left}`, recovery, cause);
}

/** One flip on its way through the lines. */
class Run {
  readonly #flip: Flip;
  readonly #options: FlipOptions;
  readonly #timings: FlipReport["lines"] = [];
  #now = "";
  #frozenAt: number | undefined;
  #freezeMs = 0;
  #overdue = false;

  constructor(flip: Flip, options: FlipOptions) {
    this.#flip = flip;
    this.#options = options;
  }

  async toItsEnd(): Promise<FlipReport> {
    const { lease, id } = this.#flip;
    let alarm: NodeJS.Timeout | undefined;
    try {
      for (const line of this.#options.lines ?? LINES) {
        if (line.name === FREEZE) alarm = this.#setAlarm();
        await this.#run(line);
        if (line.name === COMMIT_POINT) clearTimeout(alarm);
      }
      for (const database of [lease.at.blue, lease.at.green]) await recordEnd(database, id, "finished", this.#timings);
    } catch (error) {
      clearTimeout(alarm);
      await this.#putBack(error);
    } finally {
      await lease.release();
    }
    return this.#report();
  }

  /** Ends the sessions: whatever a line waits for there fails, and nothing of this flip can change a database any more. */
  #setAlarm(): NodeJS.Timeout {
    return setTimeout(() => {
      this.#overdue = true;
      void this.#flip.lease.release();
    }, this.#flip.budgetMs);
  }

  async #run(line: Line): Promise<void> {
    const event = { flip: this.#flip.id, line: line.name, what: line.what };
    this.#now = line.name;
    await this.#options.onLine?.({ ...event, phase: "begin" });
    const began = performance.now();
    if (line.name === FREEZE) this.#frozenAt = began;
    await line.run(this.#flip);
    const ended = performance.now();
    if (line.name === RESUMED && this.#frozenAt !== undefined) this.#freezeMs = ended - this.#frozenAt;
    this.#timings.push({ line: line.name, ms: ended - began });
    await this.#options.onLine?.({ ...event, phase: "end", ms: ended - began });
  }

  /** Returns when the flip turns out to have passed its commit point. */
  async #putBack(error: unknown): Promise<void> {
    const { lease, to, from, budgetMs } = this.#flip;
    const why = this.#overdue
      ? `the freeze budget of ${budgetMs / 1000} s was used up in line ${this.#now}${error instanceof HeldUp ? `: ${error.message}` : ""}`
      : `line ${this.#now}: ${messageOf(error)}`;
    await this.#flip.snapshotSessions?.release();
    await lease.release();
    if (this.#now === "F0") throw new FlipRefused(`the writes stay at ${from}: ${messageOf(error)}`, { cause: error });
    const recovery = await this.#recoverFrom(lease, why, error);
    if (recovery.writer !== to) throw aborted(why, recovery, error);
    this.#freezeMs = performance.now() - (this.#frozenAt ?? performance.now());
  }

  async #recoverFrom(lease: Lease, why: string, cause: unknown): Promise<Recovery> {
    const { move } = this.#flip;
    try {
      // Only from ourselves: whoever has taken over since knows better.
      const next = await takeLease(move.access, { who: lease.who, takeOverFrom: (epoch) => epoch === lease.epoch });
      try {
        return await recover(move, next);
      } finally {
        await next.release();
      }
    } catch (error) {
      throw new Error(
        `${why}. Putting it back failed too: ${messageOf(error)}. Run it again, or leave it to the watchdog`,
        {
          cause,
        },
      );
    }
  }

  #report(): FlipReport {
    const { id, from, to, proof, wayBackMissing } = this.#flip;
    return { id, from, to, lines: this.#timings, freezeMs: this.#freezeMs, wayBackMissing, proof };
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
