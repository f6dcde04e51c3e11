import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import type { Side } from "../side.ts";
import { type Database, field } from "./database.ts";
import { endHolder, WAITING_LOCK } from "./lock.ts";
import { literal, SCHEMA, streamName } from "./names.ts";
import type { Sessions } from "./path.ts";

/** What an answered commit of a side is worth while its changes go to the other one. */
export interface Synchrony {
  /**
   * `synchronous`: the other side has it on disk. `degraded`: it may not have; the server waits for nobody until it can again.
   * `beginning`: every commit is held for a moment, until that is certain.
   */
  state: "beginning" | "synchronous" | "degraded";
  /** By the clock of that side's server. */
  since: string;
  /** Why it is degraded. */
  why?: string;
}

/** No connection ever has this name: a commit waits for it until another name is set. */
const NOBODY = `${SCHEMA}_nobody`;

/** How long the server may take to read its settings anew; its checkpointer, which tells everybody else, may be at work on the disk. */
const RELOAD_MS = 3_000;

/** How long commits may be held until the other side has confirmed what was written before. */
const CATCH_UP_MS = 2_000;

const NAMES = "synchronous_standby_names";
const POLL_MS = 2;

/** Longer than somebody who is at work on it takes, and well within a freeze. */
const STANDING_STILL_MS = 5_000;

/** Rounds of waiting between two writes that make the other side answer. */
const NUDGE = 10;

/**
 * Has every commit of one side wait until the other side has it on disk, by the connection that carries the changes there
 * ({@link streamName}). What is set and what is said of it stand in one file, which that server includes among its settings
 * (`include_if_exists`), so that they cannot differ, and a start of the server keeps both. Whoever calls this can write that file.
 */
export class SynchronousWay {
  /** The side whose commits wait. */
  readonly from: Side;
  readonly #file: string;

  /** @param file absolute, on the server of `from`, whose PostgreSQL reads it */
  constructor(from: Side, file: string) {
    this.from = from;
    this.#file = file;
  }

  /** Undefined: commits wait for nobody, and shall not. */
  get synchrony(): Synchrony | undefined {
    try {
      const [first = ""] = readFileSync(this.#file, "utf8").split("\n");
      return JSON.parse(first.replace(/^#/, "")) as Synchrony;
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
      throw error;
    }
  }

  /**
   * From its return on, a commit is answered when the other side has it. The way has begun. Costs a few milliseconds in which every
   * commit of `from` is held; called again, nothing.
   * @throws Error where that cannot be certain; commits wait for nobody then, and the state is `degraded`
   */
  async begin(at: Sessions): Promise<void> {
    await this.#alone(at[this.from], (database) => this.raise(database));
  }

  /** Commits wait for nobody any more, also those that do now. */
  async end(at: Sessions): Promise<void> {
    await this.endOn(at[this.from]);
  }

  /** {@link end}, by any session at that side. */
  async endOn(database: Database): Promise<void> {
    await this.#alone(database, async () => {
      if (this.synchrony === undefined && !(await this.#isNamed(database))) return;
      rmSync(this.#file, { force: true });
      await this.#reload(database, "");
    });
  }

  /**
   * For whoever watches over it: the same change as {@link begin} and {@link degrade}, unless somebody else is at work on it.
   * @returns whether `work` was done
   */
  async whereFree(database: Database, work: () => Promise<void>): Promise<boolean> {
    if (!(await this.#isOurs(database))) return false;
    try {
      await work();
    } finally {
      await database.query(`SELECT pg_advisory_unlock(${WAITING_LOCK})`);
    }
    return true;
  }

  /** {@link begin} for whoever holds the lock. */
  async raise(database: Database): Promise<void> {
    if (this.synchrony?.state === "synchronous" && (await this.#names(database)) === streamName(this.from)) return;
    try {
      await this.#raise(database);
    } catch (error) {
      await this.degrade(database, error instanceof Error ? error.message : String(error));
      throw error;
    }
  }

  /** For whoever holds the lock: commits wait for nobody until {@link raise}. */
  async degrade(database: Database, why: string): Promise<void> {
    await this.#set(database, "degraded", "", why);
  }

  /**
   * A setting is read by each process of a server at another moment. One commit of ours that waits shows that all of them wait; when it
   * is let go, everything before it is on the other side.
   */
  async #raise(database: Database): Promise<void> {
    await this.#set(database, "beginning", NOBODY);
    const session = database.another({ setup: ["SET synchronous_commit = on"], once: true });
    try {
      const commit = await waitingCommit(session, database);
      await this.#set(database, "beginning", streamName(this.from));
      await letGo(commit, database);
      await this.#write(database, "synchronous", streamName(this.from));
    } finally {
      void session.close();
    }
  }

  async #set(database: Database, state: Synchrony["state"], names: string, why?: string): Promise<void> {
    await this.#write(database, state, names, why);
    await this.#reload(database, names);
  }

  async #write(database: Database, state: Synchrony["state"], names: string, why?: string): Promise<void> {
    const { now } = await database.one("SELECT clock_timestamp() AS now");
    const said: Synchrony = { state, since: now ?? "", ...(why === undefined ? {} : { why }) };
    // On one line whatever it says: the next one is what the server reads.
    const text = `#${JSON.stringify(said)}\n${NAMES} = ${literal(names).trim()}\n`;
    const fresh = `${this.#file}.${process.pid}`;
    writeFileSync(fresh, text, { mode: 0o644, flush: true });
    renameSync(fresh, this.#file);
  }

  async #reload(database: Database, names: string): Promise<void> {
    await database.query("SELECT pg_reload_conf()");
    for (const deadline = performance.now() + RELOAD_MS; (await this.#names(database)) !== names; await pause(POLL_MS))
      if (performance.now() > deadline)
        throw new Error(
          `${this.from}'s PostgreSQL does not read ${this.#file}: is it included, and ${NAMES} set nowhere else?`,
        );
  }

  async #isNamed(database: Database): Promise<boolean> {
    return [NOBODY, streamName(this.from)].includes(await this.#names(database));
  }

  async #names(database: Database): Promise<string> {
    return (await database.one(`SELECT current_setting('${NAMES}') AS names`)).names ?? "";
  }

  async #isOurs(database: Database): Promise<boolean> {
    return field(await database.one(`SELECT pg_try_advisory_lock(${WAITING_LOCK})::text AS got`), "got") === "true";
  }

  async #alone(database: Database, work: (database: Database) => Promise<void>): Promise<void> {
    for (let deadline = performance.now() + STANDING_STILL_MS; !(await this.#isOurs(database)); await pause(POLL_MS)) {
      if (performance.now() < deadline) continue;
      // Users are held meanwhile, and whoever has it may be the one who would watch over that.
      await endHolder(database, WAITING_LOCK);
      deadline = performance.now() + STANDING_STILL_MS;
    }
    try {
      await work(database);
    } finally {
      await database.query(`SELECT pg_advisory_unlock(${WAITING_LOCK})`).catch(() => undefined);
    }
  }
}

/** Written to the log, and to no table; the output plugin leaves it out. */
const MEANINGLESS = `SELECT pg_logical_emit_message(true, '${SCHEMA}', '')`;

interface Commit {
  over: boolean;
  /** Its session broke, so it is not known whether it was let go. */
  failure?: unknown;
}

function commitIn(session: Database): Commit {
  const commit: Commit = { over: false };
  session.query(MEANINGLESS).then(
    () => {
      commit.over = true;
    },
    (error: unknown) => {
      commit.failure = error;
    },
  );
  return commit;
}

/** @returns a commit that is being waited with */
async function waitingCommit(session: Database, observer: Database): Promise<Commit> {
  const { pid } = await session.one("SELECT pg_backend_pid() AS pid");
  const waits = "SELECT FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'SyncRep'";
  let commit = commitIn(session);
  for (const deadline = performance.now() + RELOAD_MS; performance.now() < deadline; await pause(POLL_MS)) {
    if (commit.failure !== undefined) throw commit.failure;
    if (commit.over) commit = commitIn(session);
    if ((await observer.query(waits, [pid ?? null])).length > 0) return commit;
  }
  throw new Error(`${observer.side}'s server did not take the setting over within ${RELOAD_MS} ms`);
}

/**
 * Waits until it is let go. The server looks for whom it can let go at each answer of the other side, and not when the name changes: so
 * something is written that is answered, by a session whose own commits do not wait.
 */
async function letGo(commit: Commit, observer: Database): Promise<void> {
  const deadline = performance.now() + CATCH_UP_MS;
  for (let round = 0; !commit.over; round += 1) {
    if (performance.now() > deadline)
      throw new Error(`what was written did not reach the other side within ${CATCH_UP_MS} ms`);
    if (commit.failure !== undefined) throw commit.failure;
    if (round % NUDGE === 0) await observer.query(MEANINGLESS);
    await pause(POLL_MS);
  }
}
