import { setTimeout as pause } from "node:timers/promises";
import { age } from "../files.ts";
import { streamFrom } from "../postgres/applier/path.ts";
import { type ApplierStatus, runApplier } from "../postgres/applier/service.ts";
import { Database } from "../postgres/database.ts";
import { SplitBrain } from "../postgres/recover.ts";
import { endWaiting, watchSynchrony } from "../postgres/synchrony-watch.ts";
import { watchFlips } from "../postgres/watchdog.ts";
import type { Side } from "../side.ts";
import type { Configuration } from "./configuration.ts";
import { KeysKeeper } from "./keys/keeper.ts";
import type { Note } from "./mailbox.ts";
import { measure } from "./metrics.ts";

const POLL_MS = 20;
const EVERY_MS = 1_000;
const RESTING = { applier: "resting", rows: 0, lag: { bytes: 0, seconds: 0, rows: 0 } } as const;

/** States of an applier that gets on. */
const WELL: Note["applier"][] = ["applying", "current"];

type Say = (event: Record<string, unknown>) => void;

/**
 * The service: carries one side's changes to the other when it is asked to, watches over flips while there is one and over writes that wait,
 * follows the keys, and writes figures of all of it.
 */
export async function keep(configuration: Configuration, stop: AbortSignal, say: Say): Promise<void> {
  const keeper = new Keeper(configuration, say);
  const { keys } = configuration;
  const following = keys === undefined ? [] : [new KeysKeeper(keys, say).run(stop)];
  const measuring = measure(configuration, stop);
  await Promise.all([keeper.carry(stop), keeper.watch(stop), keeper.watchWaiting(stop), measuring, ...following]);
}

class Keeper {
  readonly #configuration: Configuration;
  readonly #say: Say;
  #note: Note;
  #carrying: { stop: AbortController; ended: Promise<void> } | undefined;

  constructor(configuration: Configuration, say: Say) {
    this.#configuration = configuration;
    this.#say = say;
    this.#note = { pid: process.pid, at: 0, answered: "", watching: false, ...RESTING };
  }

  async carry(stop: AbortSignal): Promise<void> {
    const { mailbox } = this.#configuration;
    while (!stop.aborted) {
      const { wish } = mailbox;
      if (wish.id !== this.#note.answered || this.#note.at === 0) {
        await this.#rest();
        if (wish.carry) this.#begin(wish.from);
        this.#tell({ answered: wish.id });
      } else if (age(this.#note) >= EVERY_MS) this.#tell({});
      await rest(POLL_MS, stop);
    }
    await this.#rest();
  }

  async watch(stop: AbortSignal): Promise<void> {
    const { mailbox } = this.#configuration;
    for (; !stop.aborted; await rest(POLL_MS, stop)) {
      if (!mailbox.watch) continue;
      const ending = new AbortController();
      this.#tell({ watching: true });
      const ended = this.#watchFlips(ending.signal);
      while (mailbox.watch && !stop.aborted) await rest(POLL_MS, stop);
      ending.abort();
      await ended;
      this.#tell({ watching: false });
    }
  }

  /** So that no write on green waits for ever, or where it shall not wait at all. */
  async watchWaiting(stop: AbortSignal): Promise<void> {
    const { move, waiting, access, patienceMs } = this.#configuration;
    const onError = this.#sayOnce("way back");
    if (move.synchronous === undefined) return await endWaiting(waiting, access.green, { signal: stop, onError });
    await watchSynchrony(waiting, access.green, {
      signal: stop,
      patienceMs,
      onError,
      tell: (synchrony) => this.#say({ event: "way back", ...(synchrony ?? { state: "resting" }) }),
    });
  }

  #begin(from: Side): void {
    const { access, move } = this.#configuration;
    const at = { blue: new Database("blue", access.blue), green: new Database("green", access.green) };
    const stream = streamFrom(from, at, move.synchronous?.from === from);
    const stop = new AbortController();
    const tell = ({ state, lag, rows, why }: ApplierStatus) => {
      const { why: before, ...note } = this.#note;
      const wellBefore = WELL.includes(note.applier) && before === undefined;
      this.#note = { ...note, applier: state, lag, rows, ...(why === undefined ? {} : { why }) };
      // It goes from one to the other with every write on green, and a note is written to disk: once a second is enough.
      if (!(wellBefore && WELL.includes(state))) this.#tell({});
    };
    const ended = runApplier(stream, stop.signal, tell).catch((error: unknown) => {
      const why = messageOf(error);
      this.#say({ event: "applier stopped", why });
      this.#tell({ applier: "stopped", why });
    });
    this.#carrying = { stop, ended };
    this.#note = { ...this.#note, applier: "applying" };
  }

  async #rest(): Promise<void> {
    this.#carrying?.stop.abort();
    await this.#carrying?.ended;
    this.#carrying = undefined;
    const { why: _why, ...note } = this.#note;
    this.#note = { ...note, ...RESTING };
  }

  /** Ends by itself only where nobody but a person can say what is right; then there is nothing more to watch over. */
  async #watchFlips(signal: AbortSignal): Promise<void> {
    const { move, mailbox } = this.#configuration;
    const sayOnce = this.#sayOnce("watchdog");
    await watchFlips(move, {
      signal,
      who: "the watchdog on green's server",
      onRecovery: (recovery) => {
        this.#say({ event: "recovered", ...recovery });
        this.#tell({ recovered: `${recovery.did}; the writes are at ${recovery.writer}` });
        mailbox.watch = false;
      },
      onError: (error) => {
        sayOnce(error);
        if (error instanceof SplitBrain) {
          this.#tell({ recovered: error.message });
          mailbox.watch = false;
        }
      },
    });
  }

  /** What is tried over and over says the same over and over. */
  #sayOnce(event: string): (error: Error) => void {
    let last = "";
    return ({ message }) => {
      if (message !== last) this.#say({ event, why: message });
      last = message;
    };
  }

  #tell(change: Partial<Note>): void {
    this.#note = { ...this.#note, ...change, at: Date.now() };
    this.#configuration.mailbox.note = this.#note;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Waits, but not beyond the stop. */
async function rest(ms: number, signal: AbortSignal): Promise<void> {
  await pause(ms, undefined, { signal }).catch(() => undefined);
}
