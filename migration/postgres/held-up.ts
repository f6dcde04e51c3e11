import { setTimeout as pause } from "node:timers/promises";
import { type Database, field, type Row } from "./database.ts";
import { OPERATOR } from "./lock.ts";

/** How long ended sessions may take to be gone. */
const ENDING_MS = 2_000;

/** First look and rests between looks: most waits are over before, and cost nothing. */
const FIRST_MS = 1_000;
const REST_MS = 500;

/** By another session than the one that waits, which is known by the lock of whoever works on the move. */
const BLOCKERS = `
SELECT a.pid, a.usename, a.state, left(a.query, 200) AS query,
       round(extract(epoch FROM clock_timestamp() - a.xact_start))::text AS seconds
FROM pg_stat_activity a WHERE a.pid = ANY (pg_blocking_pids((${OPERATOR})))`;

/** A row of `pg_stat_activity` as a person reads it. */
export function processLine({ pid, usename, state, seconds, query }: Row, { side }: Database): string {
  return `process ${pid} of ${usename} on ${side}, ${state} for ${seconds} s: ${query}`;
}

/** Waits until they are gone; their clients see an error. */
export async function endProcesses(database: Database, pids: readonly string[]): Promise<void> {
  for (const pid of pids) await database.query("SELECT pg_terminate_backend($1::int, $2)", [pid, ENDING_MS]);
}

/** Locks did not come; the message says who had them. */
export class HeldUp extends Error {}

/** Looks who has the locks that a session waits for, while it waits. */
export class HolderWatch {
  readonly #database: Database;
  readonly #session: Database;
  readonly #ended = new AbortController();
  #seen: Row[] = [];

  constructor(database: Database) {
    this.#database = database;
    this.#session = database.another({ setup: ["SET statement_timeout = '1s'"], once: true });
    void this.#look();
  }

  /** Who was in the way at the last look that found anybody. */
  get processes(): string[] {
    return this.#seen.map((row) => field(row, "pid"));
  }

  /** The same error, with those who were in the way. */
  named(error: unknown): unknown {
    if (this.#seen.length === 0) return error;
    const lines = this.#seen.map((row) => processLine(row, this.#database));
    return new HeldUp(`its tables were not let go in time by:\n${lines.join("\n")}`, { cause: error });
  }

  /** At once, also in the middle of a look: everybody is held for whoever calls this. */
  end(): void {
    this.#ended.abort();
    this.#session.abort();
  }

  async #look(): Promise<void> {
    const { signal } = this.#ended;
    const rest = (ms: number) => pause(ms, undefined, { signal }).catch(() => undefined);
    try {
      for (await rest(FIRST_MS); !signal.aborted; await rest(REST_MS)) {
        const rows = await this.#session.query(BLOCKERS);
        if (rows.length > 0) this.#seen = rows;
      }
    } catch {
      // Without a name the wait itself is still reported.
    }
  }
}
