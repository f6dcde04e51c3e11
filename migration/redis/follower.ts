import { setTimeout as pause } from "node:timers/promises";
import { type Carried, type Carrier, WORK_PREFIX } from "./carry.ts";
import { isOwn, type Policies } from "./policy.ts";
import { integer } from "./reply.ts";
import { scan } from "./scan.ts";
import type { Question } from "./server.ts";
import type { Tracker } from "./tracker.ts";

/** How far one side follows the other. */
export interface Progress {
  /** `sweep` while every key is looked at, `follow` while only those are that change. */
  phase: "sweep" | "follow";
  /** Of the sweep: keys looked at, and how many there were at its beginning. */
  keys: { done: number; all: number };
  /** Carried since the beginning, some of them more than once. */
  carried: number;
  bytes: number;
  deleted: number;
  /** Changed and not carried yet. */
  dirty: number;
  /** Keys whose value cannot be carried. */
  troubles: number;
  /** How often changes may have been missed, so that everything is looked at again. */
  sweeps: number;
  /** Of the sweep; undefined while nothing can be said. */
  secondsLeft?: number;
}

export interface FollowerOptions {
  onProgress?: (progress: Progress) => void;
  /** Asked between rounds; throws where this program may not go on. */
  mayGoOn?: () => Promise<void>;
  /** False where the source cannot be made to tell what changes: then everything is looked at whenever it has to be complete. @default true */
  notified?: boolean;
}

/** Keys looked at before those that changed meanwhile have their turn. */
const ROUND_KEYS = 4_000;
const BARRIER_EVERY_MS = 500;
const BARRIER_MS = 5_000;
const REST_BEFORE_SWEEP_MS = 200;

/** Makes one side like the other and keeps it so: looks at every key once, then at those that change. */
export class Follower {
  readonly tracker: Tracker;
  readonly carrier: Carrier;
  readonly policies: Policies;
  /** Keys whose value cannot be carried, in latin1, and why. */
  readonly troubles = new Map<string, string>();
  readonly #options: FollowerOptions;
  readonly #progress: Progress = {
    phase: "sweep",
    keys: { done: 0, all: 0 },
    carried: 0,
    bytes: 0,
    deleted: 0,
    dirty: 0,
    troubles: 0,
    sweeps: 0,
  };
  #lastBarrier = 0;
  #paused = false;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(tracker: Tracker, carrier: Carrier, policies: Policies, options: FollowerOptions = {}) {
    this.tracker = tracker;
    this.carrier = carrier;
    this.policies = policies;
    this.#options = options;
  }

  get notified(): boolean {
    return this.#options.notified ?? true;
  }

  get progress(): Progress {
    return {
      ...this.#progress,
      keys: { ...this.#progress.keys },
      dirty: this.tracker.dirty,
      troubles: this.troubles.size,
    };
  }

  /** Nothing that is known of is missing on the other side. */
  get isCurrent(): boolean {
    return !this.tracker.everything && this.tracker.dirty === 0;
  }

  /** Carries nothing from here on, also nothing it was about to: the other side is going to be written to. */
  async pause(): Promise<void> {
    this.#paused = true;
    await this.#turn;
  }

  resume(): void {
    this.#paused = false;
  }

  /** Until nothing is known to be missing. @returns false when the time is over before */
  async catchUp(deadline: number): Promise<boolean> {
    do {
      if (Date.now() > deadline) return false;
      await this.step(deadline);
    } while (!this.isCurrent);
    return true;
  }

  /** One round, after the one that is under way. @returns whether there was nothing to do */
  step(deadline = Number.POSITIVE_INFINITY): Promise<boolean> {
    const round = this.#turn.then(() => this.#paused || this.#round(deadline));
    this.#turn = round.catch(() => undefined);
    return round;
  }

  async #round(deadline: number): Promise<boolean> {
    await this.#options.mayGoOn?.();
    await this.#listen();
    if (this.tracker.everything) {
      await this.#sweep(deadline);
      return false;
    }
    const idle = this.tracker.dirty === 0;
    await this.#changed();
    if (this.notified && Date.now() - this.#lastBarrier > BARRIER_EVERY_MS) {
      this.#lastBarrier = Date.now();
      await this.tracker.barrier(BARRIER_MS);
    }
    this.#report("follow");
    return idle;
  }

  async #listen(): Promise<void> {
    if (this.notified && !this.tracker.listening) {
      await this.tracker.listen();
      await this.tracker.barrier(BARRIER_MS);
      this.tracker.everything = true;
    }
  }

  /** What was noted while it was not listened is gone, so every key of both sides is looked at. */
  async #sweep(deadline: number): Promise<void> {
    this.tracker.startAnew();
    const { from } = this.carrier;
    const began = performance.now();
    this.#progress.sweeps += 1;
    this.#progress.keys = { done: 0, all: integer(await from.ask("DBSIZE")) };
    let round: Buffer[] = [];
    const carryRound = async () => {
      await this.#carry(round);
      round = [];
      await this.#changed();
      const { done, all } = this.#progress.keys;
      const seconds = (performance.now() - began) / 1_000;
      this.#report("sweep", done > 0 ? (Math.max(0, all - done) * seconds) / done : undefined);
    };
    for await (const keys of scan(from)) {
      this.#progress.keys.done += keys.length;
      round.push(...keys.filter((key) => this.#isCopied(key)));
      if (round.length >= ROUND_KEYS) {
        await this.#options.mayGoOn?.();
        await carryRound();
      }
      if (Date.now() > deadline) {
        this.tracker.everything = true;
        return;
      }
    }
    await carryRound();
    await this.#vanished();
    await this.#changed();
    if (this.tracker.everything) await pause(REST_BEFORE_SWEEP_MS);
  }

  #isCopied(key: Buffer): boolean {
    const policy = isOwn(key) ? "own" : this.policies.policyFor(key);
    const name = key.toString("latin1");
    if (policy === undefined) this.tracker.uncovered.add(name);
    if (policy === "drain") this.tracker.queues.add(name);
    return policy === "copy";
  }

  /** Keys that the receiving side has and this side has not: they went while nobody listened. */
  async #vanished(): Promise<void> {
    const { from, to } = this.carrier;
    for await (const keys of scan(to)) {
      const leftovers = keys.filter((key) => key.toString().startsWith(WORK_PREFIX));
      if (leftovers.length > 0) await to.ask("DEL", ...leftovers);
      const copied = keys.filter((key) => !isOwn(key) && this.policies.policyFor(key) === "copy");
      const there = await from.pipeline(copied.map((key): Question => ["EXISTS", key]));
      const gone = copied.filter((_, at) => integer(there[at]) === 0);
      if (gone.length > 0) await this.#carry(gone);
    }
  }

  async #changed(): Promise<void> {
    while (this.tracker.dirty > 0) {
      const before = this.tracker.dirty;
      await this.#carry(this.tracker.take(ROUND_KEYS));
      // Whoever writes faster than this carries must not keep the rest waiting for ever.
      if (this.tracker.dirty >= before) return;
    }
  }

  async #carry(keys: readonly Buffer[]): Promise<void> {
    if (keys.length === 0) return;
    let carried: Carried;
    try {
      carried = await this.carrier.carry(keys);
    } catch (error) {
      this.tracker.putBack(keys);
      throw error;
    }
    for (const key of keys) this.troubles.delete(key.toString("latin1"));
    for (const [key, why] of carried.troubles) this.troubles.set(key, why);
    this.#progress.carried += carried.keys;
    this.#progress.bytes += carried.bytes;
    this.#progress.deleted += carried.deleted;
  }

  #report(phase: Progress["phase"], secondsLeft?: number): void {
    this.#progress.phase = phase;
    this.#options.onProgress?.({ ...this.progress, ...(secondsLeft === undefined ? {} : { secondsLeft }) });
  }
}
