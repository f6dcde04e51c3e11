import { setTimeout as pause } from "node:timers/promises";
import { age } from "../../files.ts";
import { countKeys } from "../../redis/count.ts";
import type { Progress } from "../../redis/follower.ts";
import { endMove, openMove, type Session } from "../../redis/move.ts";
import { keptPromises } from "../../redis/promise.ts";
import { readRecord } from "../../redis/records.ts";
import type { Server } from "../../redis/server.ts";
import { SwitchRefused, switchTo } from "../../redis/switch.ts";
import type { Side } from "../../side.ts";
import type { Keys } from "./configuration.ts";
import { atBoth, dropApp, makeApp, takeAway } from "./ground.ts";
import type { KeysNote, KeysWish } from "./mailbox.ts";
import { words } from "./words.ts";

const POLL_MS = 20;
const EVERY_MS = 1_000;
const AGAIN_MS = 1_000;
const KEPT_SWITCHES = 20;
/** Of a switch, for the comparison of every key while clients wait; what it leaves out is said. */
const PROOF_MS = 500;
/** More than these are not compared within that time, so none of them is, and clients wait for nothing. */
const PROOF_KEYS = 5_000;

type SwitchWish = Extract<KeysWish, { do: "switch" }>;

/** Follows whoever has the keys, and switches when it is asked to; one that was ended in the middle of it finishes or undoes it. */
export class KeysKeeper {
  readonly #keys: Keys;
  readonly #say: (event: Record<string, unknown>) => void;
  #note: KeysNote;

  constructor(keys: Keys, say: (event: Record<string, unknown>) => void) {
    this.#keys = keys;
    this.#say = say;
    const { writer, answered = "", began, lines = [], switches = [] } = keys.mailbox.note ?? {};
    this.#note = {
      at: 0,
      state: "resting",
      ...(writer === undefined ? {} : { writer }),
      answered,
      ...(began === undefined ? {} : { began }),
      lines,
      switches,
    };
  }

  async run(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      const { wish } = this.#keys.mailbox;
      if (isWork(wish, this.#note.answered)) await this.#work(stop);
      else if (wish.id !== this.#note.answered || this.#note.state !== "resting")
        this.#tell({ state: "resting", answered: wish.id });
      else this.#tellEvery();
      await rest(POLL_MS, stop);
    }
  }

  /** One session with both servers, until it is not wanted any more or breaks. */
  async #work(stop: AbortSignal): Promise<void> {
    let session: Session | undefined;
    const ending = new AbortController();
    let following: Promise<void> | undefined;
    try {
      if (await this.#finishCommit()) return;
      session = await this.#open();
      let broken: unknown;
      following = session.follow(ending.signal).catch((error: unknown) => {
        broken = error ?? new Error("it ended");
      });
      while (!stop.aborted) {
        if (broken !== undefined) throw broken;
        const { wish } = this.#keys.mailbox;
        if (!isWork(wish, this.#note.answered)) break;
        if (wish.id !== this.#note.answered) await this.#obey(session, wish);
        this.#tellEvery();
        await rest(POLL_MS, stop);
      }
    } catch (error) {
      this.#wait(messageOf(error));
      await rest(AGAIN_MS, stop);
    } finally {
      ending.abort();
      await following;
      await session?.close();
    }
  }

  /**
   * A commit that was ended after it had erased the records: opened anew it would be a move that has not begun, and the application be
   * led to blue.
   */
  async #finishCommit(): Promise<boolean> {
    const { wish } = this.#keys.mailbox;
    if (wish.do !== "commit" || (await atBoth(this.#keys, isBegun))) return false;
    if (this.#note.writer === "green") await dropApp(this.#keys);
    this.#answer(wish.id);
    return true;
  }

  async #open(): Promise<Session> {
    const { move, relay, mailbox } = this.#keys;
    const { wish } = mailbox;
    await this.#prepare(wish.do === "follow" && wish.discard);
    const onProgress = (progress: Progress) => this.#progress(progress);
    const session = await openMove(move, { who: "the mover on green's server", onProgress });
    await relay.lead(session.writer);
    const { why: _before, ...note } = this.#note;
    this.#note = note;
    this.#tell({ state: "copying", writer: session.writer });
    return session;
  }

  /** Before the first session the application is led to blue, so that what only green has cannot grow, and may go. */
  async #prepare(discard: boolean): Promise<void> {
    const { move, relay } = this.#keys;
    await makeApp(this.#keys, async (at) => {
      if (await isBegun(at)) return;
      await relay.lead("blue");
      if (discard) await takeAway(at.green, move.policies);
    });
  }

  async #obey(session: Session, wish: KeysWish): Promise<void> {
    if (wish.do === "switch") return this.#switch(session, wish);
    if (wish.do === "commit") {
      await endMove(session);
      if (session.writer === "green") await dropApp(this.#keys);
    }
    this.#answer(wish.id);
  }

  async #switch(session: Session, wish: SwitchWish): Promise<void> {
    const { to, budgetMs, drainMs } = wish;
    const interrupted = this.#note.began === wish.id;
    if (session.writer === to) {
      // Decided it is only after everything was carried; how long clients waited, nobody has counted to the end.
      const promises = keptPromises(session.move.policies, "converged", 0);
      if (interrupted) this.#made({ to, freezeMs: 0, proof: "converged", compared: 0, promises });
      return this.#answer(wish.id);
    }
    if (interrupted) {
      const message = `the mover was ended in the middle; the keys are at ${session.writer} as before`;
      return this.#answer(wish.id, { kind: "reverted", message });
    }
    this.#tell({ state: "switching", began: wish.id, lines: [] });
    const begins = new Map<string, number>();
    try {
      const proof = (await this.#toCopy(session)) <= PROOF_KEYS;
      const report = await switchTo(session, {
        to,
        budgetMs,
        drainMs,
        proof,
        proofMs: PROOF_MS,
        onLine: ({ line, phase }) => {
          if (phase === "begin") return void begins.set(line, performance.now());
          const ms = Math.round((performance.now() - (begins.get(line) ?? 0)) * 10) / 10;
          this.#tell({ lines: [...this.#note.lines, { line, what: words[line], ms }] });
        },
      });
      this.#say({ event: "keys switched", to, freezeMs: report.freezeMs });
      this.#made({ to, ...report, freezeMs: Math.round(report.freezeMs * 10) / 10 });
      this.#tell({ writer: to });
      this.#answer(wish.id);
    } catch (error) {
      const message = messageOf(error);
      this.#say({ event: "keys not switched", why: message });
      const kind = !(error instanceof SwitchRefused) ? "failed" : begins.has("R1") ? "reverted" : "refused";
      this.#answer(wish.id, { kind, message });
      // What is true now is read anew.
      if (kind === "failed") throw error;
    } finally {
      this.#tell({ state: "following" });
    }
  }

  async #toCopy({ writer, lease, move }: Session): Promise<number> {
    const { declared } = await countKeys(lease.at[writer], move.policies);
    return declared.filter(({ policy }) => policy === "copy").reduce((sum, { keys }) => sum + keys, 0);
  }

  #made({ to, freezeMs, proof, compared, promises }: Omit<KeysNote["switches"][number], "at">): void {
    const made = { to, at: new Date().toISOString(), freezeMs, proof, compared, promises };
    this.#note = { ...this.#note, switches: [made, ...this.#note.switches].slice(0, KEPT_SWITCHES) };
  }

  #answer(answered: string, refused?: KeysNote["refused"]): void {
    const { refused: _before, ...note } = this.#note;
    this.#note = note;
    this.#tell({ answered, ...(refused === undefined ? {} : { refused }) });
  }

  #progress(progress: Progress): void {
    const { state } = this.#note;
    const now = state === "switching" ? state : progress.phase === "sweep" ? "copying" : "following";
    this.#note = { ...this.#note, state: now, progress, heard: Date.now() };
    if (now !== state) this.#tell({});
  }

  #wait(why: string): void {
    if (this.#note.why !== why) this.#say({ event: "keys wait", why });
    this.#tell({ state: "waiting", why });
  }

  #tellEvery(): void {
    if (age(this.#note) >= (this.#note.state === "copying" ? EVERY_MS / 4 : EVERY_MS)) this.#tell({});
  }

  #tell(change: Partial<KeysNote>): void {
    this.#note = { ...this.#note, ...change, at: Date.now() };
    this.#keys.mailbox.note = this.#note;
  }
}

/** Either side's record tells of a move. */
async function isBegun({ blue, green }: Record<Side, Server>): Promise<boolean> {
  return (await readRecord(blue)).has("id") || (await readRecord(green)).has("id");
}

/** Whether it takes a session: also to give the move up. */
function isWork(wish: KeysWish, answered: string): boolean {
  if (wish.do === "rest") return false;
  return wish.do !== "commit" || wish.id !== answered;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Waits, but not beyond the stop. */
async function rest(ms: number, signal: AbortSignal): Promise<void> {
  await pause(ms, undefined, { signal }).catch(() => undefined);
}

/** Where the keys are, as the service last knew it; blue has them until a switch. */
export function writerOf(note: KeysNote | undefined): Side {
  return note?.writer ?? "blue";
}
