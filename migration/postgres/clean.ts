import { setTimeout as pause } from "node:timers/promises";
import { type Access, Database, field } from "./database.ts";
import { errorCode } from "./errors.ts";
import { readFence } from "./fence.ts";
import { FlipRefused } from "./flip.ts";
import { removeGuard } from "./guard.ts";
import { lockAlone } from "./lock.ts";
import { identifier, qualified, SCHEMA, streamName } from "./names.ts";
import { openFlip } from "./records.ts";
import { dropSlot } from "./stream.ts";

/** What a move had put on a side and is gone from it. */
export interface Cleaned {
  slot: boolean;
  /** Tables that had a fence. */
  tables: number;
  /** Whether the schema `bascule` was there, with all records of the move. */
  records: boolean;
  /** Slots of an interrupted copy that may be this move's and may be somebody else's; each keeps the server's log. */
  left: string[];
}

/** Who waits for a table holds up everybody who comes after: not for longer than this, and then again a little later. */
const LOCK_TIMEOUT_MS = 300;
const REST_MS = 300;
const ATTEMPTS = 50;
const LOCK_TIMEOUT = "55P03";

/**
 * Takes away what a move has put on blue, which takes the writes, without green: slot, publication, fences, guard and records. The
 * application on blue works all the time. Run again it goes on where it was.
 * @throws FlipRefused where blue is closed, as green has the writes then, and in the middle of a flip
 */
export async function cleanBlueAlone(access: Access, who: string): Promise<Cleaned> {
  const look = new Database("blue", access);
  try {
    if (!(await hasRecords(look))) return await cleanSide(look);
    await requireOpen(look);
  } finally {
    await look.close();
  }
  const { database } = await lockAlone("blue", access, who);
  try {
    return await cleanSide(database);
  } finally {
    await database.close();
  }
}

/** @throws FlipRefused unless this side takes the writes and no flip is under way */
async function requireOpen(database: Database): Promise<void> {
  const flip = await openFlip(database);
  if (flip !== undefined)
    throw new FlipRefused(`a flip to ${flip.target} was begun and not ended: bascule data recover, then this again`);
  const fence = await readFence(database);
  if (fence === "open") return;
  throw new FlipRefused(
    `blue's tables are ${fence === "closed" ? "closed, as green took the writes" : "closed in part"}; nothing was taken away. Go back first: bascule rollback; or bascule data abandon-green where green is gone for good`,
  );
}

async function hasRecords(database: Database): Promise<boolean> {
  const row = await database.one(`SELECT (to_regclass('${SCHEMA}.operator') IS NOT NULL
    AND to_regclass('${SCHEMA}.flip') IS NOT NULL)::text AS there`);
  return field(row, "there") === "true";
}

/** What the move has put on one side, whoever takes the writes: the caller has seen to that. The slot first, which costs the most. */
export async function cleanSide(database: Database): Promise<Cleaned> {
  const name = streamName(database.side);
  const exists = async (sql: string, value: string) => (await database.query(sql, [value])).length > 0;
  const slot = await exists("SELECT FROM pg_replication_slots WHERE slot_name = $1", name);
  await dropSlot(database);
  await database.query(`DROP PUBLICATION IF EXISTS ${name}`);
  await removeGuard(database);
  const tables = await dropFences(database);
  const records = await exists("SELECT FROM pg_namespace WHERE nspname = $1", SCHEMA);
  await patiently(database, `DROP SCHEMA IF EXISTS ${SCHEMA} CASCADE`);
  return { slot, tables, records, left: await copySlots(database) };
}

/** One table at a time, so that nobody waits for more than one. */
async function dropFences(database: Database): Promise<number> {
  const fences = await database.query(
    `SELECT n.nspname AS schema, c.relname AS name, t.tgname AS trigger
     FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
       JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_namespace f ON f.oid = p.pronamespace
     WHERE f.nspname = $1 AND NOT t.tgisinternal AND n.nspname <> $1 ORDER BY 1, 2`,
    [SCHEMA],
  );
  for (const row of fences) {
    const table = qualified(field(row, "schema"), field(row, "name"));
    await patiently(database, `DROP TRIGGER IF EXISTS ${identifier(field(row, "trigger"))} ON ${table}`);
  }
  return fences.length;
}

async function patiently(database: Database, statement: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await database.query(`BEGIN; SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}; ${statement}; COMMIT`);
      return;
    } catch (error) {
      await database.query("ROLLBACK");
      if (errorCode(error) !== LOCK_TIMEOUT || attempt === ATTEMPTS) throw error;
      await pause(REST_MS);
    }
  }
}

/** Of a subscription that was still copying when its server was gone; nothing in them says whose they were. */
async function copySlots(database: Database): Promise<string[]> {
  const rows = await database.query(
    `SELECT slot_name AS name FROM pg_replication_slots
     WHERE database = current_database() AND NOT active AND slot_name ~ '^pg_[0-9]+_sync_[0-9]+_[0-9]+$' ORDER BY 1`,
  );
  return rows.map((row) => field(row, "name"));
}
