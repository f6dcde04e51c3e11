import type { Catalog, Table } from "./catalog.ts";
import { type Database, field } from "./database.ts";
import { errorCode, LOCK_TIMEOUT } from "./errors.ts";
import { endProcesses, HolderWatch } from "./held-up.ts";
import { epochHolds } from "./lock.ts";
import { identifier, qualified, SCHEMA } from "./names.ts";

/** Sorts last, so that the application's own triggers of the same moment have had their say. */
const TRIGGER = "zz_bascule_fence";

const FUNCTION = `
CREATE OR REPLACE FUNCTION ${SCHEMA}.fence() RETURNS trigger LANGUAGE plpgsql AS $fence$
BEGIN
  RAISE EXCEPTION 'bascule: % is fenced; the other side takes the writes', tg_table_name USING ERRCODE = '25006';
END $fence$`;

/**
 * `deadlock_timeout` for taking the locks, of which a server asks once in each wait. An autovacuum gives way to whoever has waited so
 * long, a second as servers come; of two writers in a deadlock the one whose time is over first is ended.
 */
const HURRIED_MS = 10;
/** Longer than the writers' own, so that they give way; and finite, as those who have asked before the deadlock do not ask again. */
const PATIENT_MS = 1_500;
/** Each finds one more table that writers come to earlier than to the others. */
const HURRIED_ATTEMPTS = 12;
const ATTEMPTS = 15;
const MAY_HURRY = "has_parameter_privilege(current_user, 'deadlock_timeout', 'SET')";
const DEADLOCK = "40P01";

/** `mixed`: somebody has switched single triggers by hand, and nobody can say what was written. */
export type FenceState = "open" | "closed" | "mixed";

/**
 * Puts a disabled statement trigger on every table, roots and leaves: on a root alone a direct insert into a leaf would pass. A
 * statement trigger binds owners and superusers, fires for COPY and for statements that find no row, and never for replication.
 */
export async function installFence(database: Database, { tables }: Catalog): Promise<void> {
  await database.query(FUNCTION);
  const present = new Set((await fencedTables(database)).map(({ table }) => table));
  for (const table of tables) {
    const name = qualified(table.schema, table.name);
    if (present.has(name)) continue;
    await database.query(
      `BEGIN; SET LOCAL lock_timeout = '5s';
       CREATE TRIGGER ${TRIGGER} BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON ${name}
         FOR EACH STATEMENT EXECUTE FUNCTION ${SCHEMA}.fence();
       ALTER TABLE ONLY ${name} DISABLE TRIGGER ${TRIGGER}; COMMIT`,
    );
  }
}

/** @throws Error naming the tables that no fence would hold */
export async function requireFences(database: Database, { tables }: Catalog): Promise<void> {
  const present = new Set((await fencedTables(database)).map(({ table }) => table));
  const bare = tables.map(({ schema, name }) => qualified(schema, name)).filter((name) => !present.has(name));
  if (bare.length > 0)
    throw new Error(
      `${database.side} has tables that came after the copy and that nothing carries: ${bare.join(", ")}`,
    );
}

export async function readFence(database: Database): Promise<FenceState> {
  const triggers = await fencedTables(database);
  const closed = triggers.filter((trigger) => trigger.closed).length;
  if (closed === 0) return "open";
  return closed === triggers.length ? "closed" : "mixed";
}

async function fencedTables(database: Database): Promise<{ table: string; closed: boolean }[]> {
  const rows = await database.query(
    `SELECT n.nspname AS schema, c.relname AS name, (t.tgenabled <> 'D')::text AS closed
     FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE t.tgname = $1 AND NOT t.tgisinternal`,
    [TRIGGER],
  );
  return rows.map((row) => ({
    table: qualified(field(row, "schema"), field(row, "name")),
    closed: field(row, "closed") === "true",
  }));
}

/** Who may, and how long to wait for writers that are still at work. */
export interface FenceOptions {
  epoch: number;
  lockTimeoutMs: number;
  /** Ends those who were still at work after the first wait; their clients see an error. @default false */
  endHolders?: boolean;
}

/**
 * Closes a side in one transaction: its locks wait for every writer in flight, and keep new ones out until the triggers hold. When a
 * lock does not come in time, twice, nothing has changed. Writers that take tables in another order meet in a deadlock with it; then it gives
 * way, and begins the next time with the table it waited for, so that it comes to take them in the writers' own order.
 */
export async function fence(database: Database, tables: Table[], options: FenceOptions): Promise<void> {
  const watch = new HolderWatch(database);
  try {
    await takeInTurns(database, tables, options, watch);
  } finally {
    watch.end();
  }
}

async function takeInTurns(
  database: Database,
  tables: Table[],
  options: FenceOptions,
  watch: HolderWatch,
): Promise<void> {
  let order = tables.map(({ schema, name }) => qualified(schema, name)).sort();
  let deadlocks = 0;
  let timeouts = 0;
  for (let attempt = 1; ; attempt += 1) {
    const hurried = attempt <= HURRIED_ATTEMPTS;
    const patience = hurried ? HURRIED_MS : PATIENT_MS;
    try {
      return await switchTriggers(database, order, "ENABLE", { ...options, patience });
    } catch (error) {
      const code = errorCode(error);
      if (code === DEADLOCK) deadlocks += 1;
      else if (code === LOCK_TIMEOUT) timeouts += 1;
      // A session that was ended in the middle of its wait has no code.
      else throw code === undefined ? watch.named(error) : error;
      // A writer that was held up itself is done by the second time; a long transaction would not come to its end by the third either.
      const again = deadlocks > 0 || timeouts < 2;
      if (!again || attempt === ATTEMPTS) throw watch.named(error);
      if (options.endHolders && code === LOCK_TIMEOUT) await endProcesses(database, watch.processes);
      const first = await waitedFor(database, error);
      if (first !== undefined && order.includes(first)) order = [first, ...order.filter((name) => name !== first)];
    }
  }
}

/** The server names the table by its number, in the only line that has our kind of lock; in every language. */
async function waitedFor(database: Database, error: unknown): Promise<string | undefined> {
  const detail = error instanceof Error && "detail" in error ? String(error.detail) : "";
  const [, oid] = /ShareRowExclusiveLock\D+(\d+)/.exec(detail) ?? [];
  if (oid === undefined) return undefined;
  const [row] = await database.query(
    "SELECT n.nspname AS schema, c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1::oid",
    [oid],
  );
  return row === undefined ? undefined : qualified(field(row, "schema"), field(row, "name"));
}

/**
 * Opens a side in one transaction: the commit point of a flip.
 * @param record statements that are run in the same transaction
 */
export function unfence(
  database: Database,
  tables: Table[],
  options: FenceOptions,
  ...record: string[]
): Promise<void> {
  const names = tables.map(({ schema, name }) => qualified(schema, name)).sort();
  return switchTriggers(database, names, "DISABLE", { ...options, patience: HURRIED_MS }, ...record);
}

/** All of it at once, as everybody is held meanwhile: a distant server costs one round trip. */
async function switchTriggers(
  database: Database,
  names: string[],
  verb: "ENABLE" | "DISABLE",
  { epoch, lockTimeoutMs, patience }: FenceOptions & { patience: number },
  ...record: string[]
): Promise<void> {
  const tables = names.map((name) => `ONLY ${name}`).join(", ");
  await database.script(
    [
      `SET LOCAL lock_timeout = ${lockTimeoutMs}`,
      `SELECT set_config('deadlock_timeout', '${patience}', true) WHERE ${MAY_HURRY}`,
      epochHolds(database.side, epoch),
      ...(names.length > 0 ? [`LOCK TABLE ${tables} IN SHARE ROW EXCLUSIVE MODE`] : []),
      ...names.map((name) => `ALTER TABLE ONLY ${name} ${verb} TRIGGER ${identifier(TRIGGER)}`),
      ...record,
    ].join("; "),
  );
}
