import { setTimeout as pause } from "node:timers/promises";
import { type Database, field, type Row } from "./database.ts";
import { errorCode, LOCK_TIMEOUT } from "./errors.ts";
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

/** A lock did not come in time; the message says who has it. */
export class HeldUp extends Error {
  readonly processes: string[];

  constructor(database: Database, holders: readonly Row[], cause: unknown) {
    const named = holders.map((row) => processLine(row, database)).join("\n");
    super(named === "" ? String(cause) : `its tables were not let go in time by:\n${named}`, { cause });
    this.processes = holders.map((row) => field(row, "pid"));
  }
}

/**
 * Runs what waits for locks.
 * @throws HeldUp when one did not come within `lock_timeout`
 */
export async function namingHolders<T>(database: Database, work: () => Promise<T>): Promise<T> {
  const ended = new AbortController();
  const looking = lookWhile(database, ended.signal);
  try {
    return await work();
  } catch (error) {
    if (errorCode(error) !== LOCK_TIMEOUT) throw error;
    ended.abort();
    throw new HeldUp(database, await looking, error);
  } finally {
    ended.abort();
  }
}

/** @returns who was in the way at the last look that found anybody */
async function lookWhile(database: Database, signal: AbortSignal): Promise<Row[]> {
  const session = database.another({ setup: ["SET statement_timeout = '1s'"], once: true });
  let seen: Row[] = [];
  const rest = (ms: number) => pause(ms, undefined, { signal }).catch(() => undefined);
  try {
    for (await rest(FIRST_MS); !signal.aborted; await rest(REST_MS)) {
      const rows = await session.query(BLOCKERS);
      if (rows.length > 0) seen = rows;
    }
  } catch {
    // Without a name the wait itself is still reported.
  } finally {
    await session.close();
  }
  return seen;
}
