import type { Database } from "../database.ts";
import { errorCode } from "../errors.ts";
import { APPLIER, identifier, qualified } from "../names.ts";
import { CANONICAL, UNHURRIED } from "../session.ts";
import { ApplyError } from "./apply-error.ts";
import { Batch } from "./batch.ts";
import type { Change, Message, Relation } from "./pgoutput.ts";
import { Progress, readSince, type Since } from "./progress.ts";
import { Slot } from "./slot.ts";
import type { ChangeSource } from "./source.ts";
import { StreamedSlot } from "./streamed-slot.ts";

/** One direction of replication. The slot and the publication are on the source and exist already. */
export interface Stream {
  source: Database;
  target: Database;
  slot: string;
  publication: string;
  /**
   * Whether the source is told at once what the target has, by a replication connection, so that its commits can wait for that. It must
   * let the role replicate. @default false: the slot is read by questions
   */
  streamed?: boolean | undefined;
}

/** How far behind the target is. */
export interface Lag {
  /** Of the source's log that is not applied; other databases and tables write there, too. */
  bytes: number;
  /** Age of the oldest commit that is read and not applied; 0 when everything is applied. */
  seconds: number;
  /** Row changes read and not yet committed on the target. */
  rows: number;
}

export interface Applied {
  transactions: number;
  rows: number;
}

/** Whole transactions of the source share one on the target until there are so many row changes in it. */
const GROUP = 1000;

const TARGET_SETUP = [
  ...CANONICAL,
  ...UNHURRIED,
  "SET session_replication_role = replica",
  "SET synchronous_commit = on",
];

/**
 * Carries one direction by plain SQL: read the slot without consuming, apply, note the progress in the same transaction, then let
 * the slot advance. It may end at any moment and begin again; each change arrives exactly once. For sources where no subscription
 * may be made.
 */
export class Applier {
  readonly applied: Applied = { transactions: 0, rows: 0 };
  readonly #source: Database;
  readonly #target: Database;
  readonly #slot: ChangeSource;
  readonly #progress: Progress;
  readonly #batch: Batch;
  readonly #stop: AbortSignal;
  readonly #since: Since;
  #flushed = 0n;
  /** How far it is applied, where nobody else can have applied anything. */
  #done: bigint | undefined;
  #oldest: Date | undefined;
  #pending = 0;
  /** Of the group that is being committed. */
  #transactions = 0;
  #lastEnd = 0n;

  private constructor(
    [source, target]: [Database, Database],
    slot: ChangeSource,
    progress: Progress,
    since: Since,
    stop: AbortSignal,
  ) {
    this.#source = source;
    this.#target = target;
    this.#slot = slot;
    this.#progress = progress;
    this.#batch = new Batch(target);
    this.#since = since;
    this.#stop = stop;
  }

  /** Opens sessions of its own at both sides. @throws ApplyError where a right is missing, with the statement that gives it */
  static async open(stream: Stream, stop: AbortSignal): Promise<Applier> {
    const source = stream.source.another({ name: APPLIER, setup: [...CANONICAL, ...UNHURRIED] });
    const target = stream.target.another({ name: APPLIER, setup: TARGET_SETUP, pipeline: true });
    try {
      const progress = new Progress(target, stream.slot);
      const [, since] = await Promise.all([progress.prepare(), readSince(target, stream.slot)]);
      const slot = stream.streamed
        ? await StreamedSlot.open(source, stream.slot, stream.publication, stop)
        : await Slot.find(source, stream.slot, stream.publication);
      return new Applier([source, target], slot, progress, since, stop);
    } catch (error) {
      await Promise.all([source.close(), target.close()]);
      throw explained(error, target);
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.#slot.close(), this.#source.close(), this.#target.close()]);
  }

  /** Whether the source wrote anything since the last {@link pass}. */
  async behind(): Promise<boolean> {
    this.#flushed = await this.#slot.flushed();
    return this.#slot.behind(this.#flushed);
  }

  /** Waits so long for something to apply, and not beyond the stop. */
  arrival(ms: number): Promise<void> {
    return this.#slot.arrival(ms, this.#stop);
  }

  get lag(): Lag {
    const { confirmed } = this.#slot;
    const seconds = this.#oldest === undefined ? 0 : Math.max(0, (this.#slot.now - this.#oldest.getTime()) / 1000);
    return { bytes: Number(this.#flushed > confirmed ? this.#flushed - confirmed : 0n), seconds, rows: this.#pending };
  }

  /** Applies what there is. @returns whether there was anything */
  async pass(): Promise<boolean> {
    const upTo = await this.#slot.flushed();
    this.#flushed = upTo;
    this.#lastEnd = 0n;
    let done = this.#done ?? (await this.#progress.read(upTo));
    const messages = this.#unapplied(this.#slot.read(), done);
    let drained = false;
    let worked = false;
    try {
      while (!this.#stop.aborted) {
        const first = await messages.next();
        if (first.done) {
          drained = first.value;
          break;
        }
        done = await this.#target.transaction(() => this.#group(first.value, messages, done));
        this.#settled();
        worked = true;
      }
    } finally {
      this.#batch.discard();
      await messages.return(false);
    }
    if (this.#slot.alone) this.#done = done;
    if (this.#stop.aborted) return worked;
    await this.#slot.advance(drained && upTo > this.#lastEnd ? upTo : this.#lastEnd);
    return worked;
  }

  /**
   * One transaction on the target: whole transactions of the source and never a part of one. Nothing in it waits for an answer before
   * the next question leaves, so that it costs two round trips: a commit of the source may be waiting for it.
   * @returns the last one's place
   */
  async #group(first: Message, messages: AsyncGenerator<Message, boolean>, done: bigint): Promise<bigint> {
    const held = this.#progress.hold(done);
    const alone = held.catch(() => true);
    try {
      const last = await this.#apply(first, messages, done);
      if (await held) return last;
    } catch (error) {
      // What it met may be what the other one has done.
      if (await alone) throw error;
    }
    throw new Error("another applier is at work on this slot");
  }

  async #apply(first: Message, messages: AsyncGenerator<Message, boolean>, done: bigint): Promise<bigint> {
    const before = this.#batch.taken;
    let last = done;
    let transactions = 0;
    for (let message: Message | undefined = first; message !== undefined; ) {
      if (message.kind === "commit") {
        last = message.commitLsn;
        transactions += 1;
        if (this.#batch.taken - before >= GROUP) break;
      } else if (message.kind === "begin") {
        this.#oldest ??= message.time;
      } else {
        await this.#batch.add(message);
        this.#pending = this.#batch.taken - before;
        if (this.#stop.aborted) throw new Error("stopped inside a transaction, which was taken back");
      }
      const next: IteratorResult<Message, boolean> = await messages.next();
      message = next.done ? undefined : next.value;
    }
    const flushed = this.#batch.flush();
    const written = this.#progress.write(last);
    // After a failure of the first, all the second one says is that there was one.
    written.catch(() => undefined);
    await flushed;
    await written;
    this.#transactions = transactions;
    return last;
  }

  #settled(): void {
    this.applied.rows = this.#batch.taken;
    this.applied.transactions += this.#transactions;
    this.#pending = 0;
    this.#oldest = undefined;
  }

  /** Leaves out what was applied before the slot was advanced, and what a table's copy has already. @returns whether the slot was read to its end */
  async *#unapplied(messages: AsyncGenerator<Message, boolean>, done: bigint): AsyncGenerator<Message, boolean> {
    let commitLsn = 0n;
    try {
      while (true) {
        const next = await messages.next();
        if (next.done) return next.value;
        const message = next.value;
        if (message.kind === "begin") commitLsn = message.commitLsn;
        if (commitLsn > done) {
          const left =
            message.kind === "begin" || message.kind === "commit" ? message : this.#uncopied(message, commitLsn);
          if (left !== undefined) yield left;
        }
        if (message.kind === "commit") this.#lastEnd = message.endLsn;
      }
    } finally {
      await messages.return(false);
    }
  }

  /** What of a change the copy of its table has not got; a transaction counts by the place of its commit. */
  #uncopied(change: Change, commitLsn: bigint): Change | undefined {
    if (this.#since.size === 0) return change;
    const isLeft = ({ schema, name }: Relation) => commitLsn >= (this.#since.get(qualified(schema, name)) ?? 0n);
    if (change.kind !== "truncate") return isLeft(change.relation) ? change : undefined;
    const relations = change.relations.filter(isLeft);
    return relations.length === 0 ? undefined : { ...change, relations };
  }
}

function explained(error: unknown, target: Database): unknown {
  if (errorCode(error) !== "42501" || !(error instanceof Error)) return error;
  const remedy = error.message.includes("session_replication_role")
    ? `Let a superuser there run: GRANT SET ON PARAMETER session_replication_role TO ${identifier(target.access.user)}`
    : "Give that right there";
  return new ApplyError(
    `${target.side}'s ${target.access.user} lacks a right the applier needs: ${error.message}. ${remedy}`,
    {
      cause: error,
    },
  );
}
