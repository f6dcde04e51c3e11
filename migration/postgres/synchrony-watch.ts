import { setTimeout as pause } from "node:timers/promises";
import { type Access, Database, field } from "./database.ts";
import { readFence } from "./fence.ts";
import { isHeld } from "./lock.ts";
import { parseLsn } from "./lsn.ts";
import { streamName } from "./names.ts";
import type { SynchronousWay, Synchrony } from "./synchronous.ts";

export interface SynchronyWatchOptions {
  /** Ends the watch; commits wait for nobody then, as nobody would end a wait. */
  signal: AbortSignal;
  /** Longest a commit may wait for the other side before nobody is waited for, in milliseconds. */
  patienceMs: number;
  /** Called at the beginning and with every change of what an answered commit is worth. */
  tell?: (synchrony: Synchrony | undefined) => void;
  /** Called with what it could not do; it goes on trying. */
  onError?: (error: Error) => void;
}

const POLL_MS = 200;

/** The other side must have kept up for so long before commits wait for it again. */
const STEADY_MS = 1_000;

/** How long it is tried to let everybody go at the end; well within what systemd gives the mover's service to stop. */
const CLOSING_MS = 10_000;

/** What was not confirmed for so long counts as behind. */
const LATE_MS = 500;

/** After a try in vain: each one holds commits for a moment. */
const RETRY_MS = 5_000;

/**
 * Sees to it that no commit waits for ever: where the other side does not confirm, commits wait for nobody until it does again. Runs
 * on the server whose commits wait, so that it needs no network for that.
 */
export async function watchSynchrony(
  way: SynchronousWay,
  access: Access,
  options: SynchronyWatchOptions,
): Promise<void> {
  const database = new Database(way.from, access, { setup: ["SET synchronous_commit = local"] });
  const watch = new Watch(way, database, options);
  const { signal, onError } = options;
  const trying = async (work: () => Promise<unknown>) => {
    try {
      return (await work()) !== false;
    } catch (error) {
      onError?.(error instanceof Error ? error : new Error(String(error)));
      return false;
    }
  };
  try {
    for (; !signal.aborted; await rest(signal)) await trying(() => watch.look());
    const deadline = performance.now() + CLOSING_MS;
    while (!(await trying(() => watch.close())) && performance.now() < deadline) await pause(POLL_MS);
  } finally {
    await database.close();
  }
}

/** Where commits shall wait for nobody, whatever was set before: tries until it is so. */
export async function endWaiting(
  way: SynchronousWay,
  access: Access,
  { signal, onError }: Pick<SynchronyWatchOptions, "signal" | "onError">,
): Promise<void> {
  const database = new Database(way.from, access);
  try {
    for (; !signal.aborted; await rest(signal)) {
      try {
        return await way.endOn(database);
      } catch (error) {
        onError?.(error instanceof Error ? error : new Error(String(error)));
      }
    }
  } finally {
    await database.close();
  }
}

async function rest(signal: AbortSignal): Promise<void> {
  await pause(POLL_MS, undefined, { signal }).catch(() => undefined);
}

/** What a server says of its commits and of who reads them. */
interface Sight {
  /** On its own disk. */
  written: bigint;
  /** On the other side's; undefined while nobody reads. */
  confirmed: bigint | undefined;
  /** Commits that wait now. */
  waiting: number;
}

class Watch {
  readonly #way: SynchronousWay;
  readonly #database: Database;
  readonly #options: SynchronyWatchOptions;
  #told: string | undefined;
  /** What was written at a moment that nothing has confirmed yet. */
  #mark = { lsn: 0n, at: performance.now() };
  #steadySince: number | undefined;
  #triedAt = Number.NEGATIVE_INFINITY;

  constructor(way: SynchronousWay, database: Database, options: SynchronyWatchOptions) {
    this.#way = way;
    this.#database = database;
    this.#options = options;
  }

  async look(): Promise<void> {
    const { synchrony } = this.#way;
    const sight = await this.#see();
    if (synchrony?.state === "synchronous") await this.#endLongWaits(sight);
    else if (synchrony?.state === "degraded") await this.#tryAgain(sight);
    else if (synchrony?.state === "beginning") await this.#endLeftBehind();
    else await this.#adopt();
    this.#tellChange();
  }

  /** With nobody who watches, a wait would have no end. @returns whether that is so; not while somebody else is at work on it */
  close(): Promise<boolean> {
    return this.#way.whereFree(this.#database, async () => {
      const { synchrony } = this.#way;
      if (synchrony === undefined || synchrony.state === "degraded") return;
      await this.#way.degrade(this.#database, "whoever watches over it was stopped");
    });
  }

  async #see(): Promise<Sight> {
    const row = await this.#database.one(
      `SELECT pg_current_wal_flush_lsn() AS written,
        (SELECT max(flush_lsn) FROM pg_stat_replication WHERE application_name = $1 AND state = 'streaming') AS confirmed,
        (SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep') AS waiting`,
      [streamName(this.#way.from)],
    );
    const confirmed = row.confirmed === null ? undefined : parseLsn(row.confirmed);
    return { written: parseLsn(row.written), confirmed, waiting: Number(field(row, "waiting")) };
  }

  /** @returns for how long something has not been confirmed; `settled` begins anew */
  #lateness({ written, confirmed }: Sight, settled: boolean): number {
    if (settled || (confirmed ?? 0n) >= this.#mark.lsn) this.#mark = { lsn: written, at: performance.now() };
    return performance.now() - this.#mark.at;
  }

  /** Whoever waits now has waited for no longer than the mark, which was set when nobody did or when all before was confirmed. */
  async #endLongWaits(sight: Sight): Promise<void> {
    const { patienceMs } = this.#options;
    if (this.#lateness(sight, sight.waiting === 0) < patienceMs) return;
    const why =
      sight.confirmed === undefined
        ? `nothing on the other side has been connected, with commits waiting, for ${patienceMs / 1000} s`
        : `the other side has not confirmed what was committed ${patienceMs / 1000} s before`;
    await this.#change("synchronous", () => this.#way.degrade(this.#database, why));
    this.#steadySince = undefined;
  }

  async #tryAgain(sight: Sight): Promise<void> {
    if (sight.confirmed === undefined || this.#lateness(sight, false) > LATE_MS) {
      this.#steadySince = undefined;
      return;
    }
    this.#steadySince ??= performance.now();
    if (performance.now() - this.#steadySince < STEADY_MS || performance.now() - this.#triedAt < RETRY_MS) return;
    // A closed side takes no writes, and a flip sees to it itself.
    if ((await readFence(this.#database)) !== "open") return;
    this.#triedAt = performance.now();
    await this.#change("degraded", () => this.#way.raise(this.#database));
    this.#steadySince = undefined;
  }

  /** Whoever began it has died: every commit would wait for somebody who never comes. */
  #endLeftBehind(): Promise<void> {
    return this.#change("beginning", () =>
      this.#way.degrade(this.#database, "whoever began to have commits wait has died"),
    );
  }

  /** The side is the writer already, and its commits have waited for nobody so far: the setting came later. */
  async #adopt(): Promise<void> {
    const slot = "SELECT FROM pg_replication_slots WHERE slot_name = $1";
    if ((await this.#database.query(slot, [streamName(this.#way.from)])).length === 0) return;
    if ((await readFence(this.#database)) !== "open" || (await isHeld(this.#database))) return;
    await this.#change(undefined, () => this.#way.degrade(this.#database, "commits have waited for nobody so far"));
  }

  async #change(from: Synchrony["state"] | undefined, work: () => Promise<void>): Promise<void> {
    await this.#way.whereFree(this.#database, async () => {
      // It may have changed before the lock was ours.
      if (this.#way.synchrony?.state === from) await work();
    });
  }

  #tellChange(): void {
    const { synchrony } = this.#way;
    const text = JSON.stringify(synchrony ?? null);
    if (text === this.#told || synchrony?.state === "beginning") return;
    this.#told = text;
    this.#options.tell?.(synchrony);
  }
}
