import { setTimeout as pause } from "node:timers/promises";
import type { Side } from "../side.ts";
import { type Access, Database, field } from "./database.ts";
import { SCHEMA } from "./names.ts";
import type { Sessions } from "./path.ts";

/** The letters "basc" as a number, and the lock of whoever works on a move. */
const LOCK = "1650553699, 1";

/** Of whoever changes whether the commits of a side wait (`synchronous.ts`); it may be somebody else. */
export const WAITING_LOCK = "1650553699, 2";

/** How long a taken-over session may take to end. */
const TAKE_OVER_MS = 10_000;

/** How long the server may take to notice that a holder has died. */
const PATIENCE_MS = 1_500;

/** What the sessions of whoever works on a move are set to: nothing of a role's own settings may end or redirect their work. */
const SETUP = [
  "SET search_path = ''",
  "SET statement_timeout = 0",
  "SET lock_timeout = 0",
  "SET idle_in_transaction_session_timeout = 0",
  // A holder that died while it waited for something would hold the lock until that comes.
  "SET client_connection_check_interval = '300ms'",
  `SET ${SCHEMA}.operator = 'on'`,
];

/** Where green's commits wait for blue (`synchronous.ts`), those of a flip do not, or it could not end when blue is gone. */
function setupOf(side: Side): readonly string[] {
  return [...SETUP, `SET synchronous_commit = ${side === "green" ? "local" : "on"}`];
}

/** The right to work on a move: a session at each side that holds the lock there, and a number that grows with every holder. */
export interface Lease {
  at: Sessions;
  epoch: number;
  who: string;
  /** Ends the sessions and with them the lock; work that is under way there fails. */
  release(): Promise<void>;
}

export interface LeaseOptions {
  /** Shown to whoever comes second, such as `bascule on laptop, process 4711`. */
  who: string;
  /**
   * Asked with the holder's epoch: whether to end its sessions instead of being refused, as it is known to be dead, or past its
   * deadline. @default never
   */
  takeOverFrom?: (epoch: number) => boolean;
}

/**
 * Sessions that hold the lock are never opened again: when one breaks the right is gone with it, and no later statement of the same
 * holder can reach a database behind the back of the next one.
 * @throws Error naming who holds it
 */
export async function takeLease(access: Record<Side, Access>, options: LeaseOptions): Promise<Lease> {
  const open = (side: Side) => new Database(side, access[side], { setup: setupOf(side), once: true, pipeline: true });
  const at = { blue: open("blue"), green: open("green") };
  const release = async () => {
    await Promise.all([at.blue.close(), at.green.close()]);
  };
  try {
    for (const database of [at.blue, at.green]) await lock(database, options.takeOverFrom ?? (() => false));
    const epoch = await nextEpoch(at, options.who);
    return { at, epoch, who: options.who, release };
  } catch (error) {
    await release();
    throw error;
  }
}

/** The lock of one side alone: only for when there is no other side any more. */
export async function lockAlone(
  side: Side,
  access: Access,
  who: string,
): Promise<{ database: Database; epoch: number }> {
  const database = new Database(side, access, { setup: setupOf(side), once: true });
  try {
    await lock(database, () => false);
    const row = await database.one(
      `UPDATE ${SCHEMA}.operator SET epoch = epoch + 1, who = $1, since = clock_timestamp() RETURNING epoch`,
      [who],
    );
    return { database, epoch: Number(field(row, "epoch")) };
  } catch (error) {
    await database.close();
    throw error;
  }
}

async function lock(database: Database, takeOverFrom: (epoch: number) => boolean): Promise<void> {
  const began = performance.now();
  while (true) {
    const row = await database.one(`SELECT pg_try_advisory_lock(${LOCK})::text AS got`);
    if (field(row, "got") === "true") return;
    const holder = await database.one(`SELECT epoch FROM ${SCHEMA}.operator`);
    const takeOver = takeOverFrom(Number(field(holder, "epoch")));
    if (performance.now() - began > (takeOver ? TAKE_OVER_MS : PATIENCE_MS)) throw new Error(await refusal(database));
    if (takeOver) await endHolder(database, LOCK);
    await pause(20);
  }
}

const holderOf = (lock: string) => `
SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND (classid, objid) = (${lock})
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;

/** The process of whoever works on the move, as an SQL question. */
export const OPERATOR = holderOf(LOCK);

/** Ends the session that has a lock of ours, for whoever knows that nobody is at work in it. */
export async function endHolder(database: Database, lock: string): Promise<void> {
  await database.query(`SELECT pg_terminate_backend(pid) FROM (${holderOf(lock)}) holder`);
}

async function refusal(database: Database): Promise<string> {
  const row = await database.one(`SELECT who, since FROM ${SCHEMA}.operator`);
  return `${field(row, "who")} has been at work on this move since ${field(row, "since")} (seen at ${database.side}); one at a time`;
}

/** Whether somebody works on the move now. */
export async function isHeld(database: Database): Promise<boolean> {
  return (await database.query(OPERATOR)).length > 0;
}

async function nextEpoch(at: Sessions, who: string): Promise<number> {
  const rows = await Promise.all([at.blue, at.green].map((one) => one.one(`SELECT epoch FROM ${SCHEMA}.operator`)));
  const epoch = Math.max(...rows.map((row) => Number(field(row, "epoch")))) + 1;
  for (const database of [at.blue, at.green])
    await database.query(`UPDATE ${SCHEMA}.operator SET epoch = $1, who = $2, since = clock_timestamp()`, [epoch, who]);
  return epoch;
}

/** @throws Error naming who has taken the move over since */
export async function requireEpoch(database: Database, epoch: number): Promise<void> {
  await database.query(epochHolds(database.side, epoch));
}

/**
 * A statement that ends its transaction with an error where the move was taken over. It holds the record until the transaction's end, so
 * that nobody can take over between this look and the commit; and as the server itself looks, the rest can be sent along with it.
 */
export function epochHolds(side: Side, epoch: number): string {
  return `DO $epoch$ DECLARE holder record; BEGIN
    SELECT epoch, who INTO STRICT holder FROM ${SCHEMA}.operator FOR UPDATE;
    IF holder.epoch <> ${epoch} THEN
      RAISE EXCEPTION USING MESSAGE = holder.who || ' has taken this move over (seen at ${side}); nothing was changed there';
    END IF;
  END $epoch$`;
}
