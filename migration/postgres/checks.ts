import { setTimeout as pause } from "node:timers/promises";
import { type Catalog, published, readCatalog, requireIdentities } from "./catalog.ts";
import { type Database, field } from "./database.ts";
import { requireFences } from "./fence.ts";
import { endProcesses, processLine } from "./held-up.ts";
import { APPLIER, SCHEMA, streamName, WATCHDOG } from "./names.ts";
import type { Sessions } from "./path.ts";

/** Transactions that are older than this may well be there for long. */
const LONG_MS = 1_000;

const ROUNDS = 3;
const BREATH_MS = 200;

/** @throws Error naming what differs; everything both sides must agree on before writes are held */
export async function requireSameShape(at: Sessions): Promise<Catalog> {
  const [blue, green] = await Promise.all([readCatalog(at.blue), readCatalog(at.green)]);
  for (const [catalog, database] of [[blue, at.blue] as const, [green, at.green] as const]) {
    requireIdentities(catalog, database.side);
    await requireFences(database, catalog);
  }
  const names = (catalog: Catalog) => catalog.tables.map(({ schema, name }) => `${schema}.${name}`);
  const missing = difference(names(blue), names(green));
  if (missing !== undefined) throw new Error(`tables are on one side only: ${missing}`);
  if (blue.shape !== green.shape)
    throw new Error(
      "columns or keys of the tables are not the same on both sides: the schema was changed after the copy",
    );
  return blue;
}

function difference(one: string[], other: string[]): string | undefined {
  const only = [...one.filter((name) => !other.includes(name)), ...other.filter((name) => !one.includes(name))];
  return only.length > 0 ? only.join(", ") : undefined;
}

/** @returns tables in which this side's publication and its tables differ, or undefined */
export async function publicationDiffers(database: Database, catalog: Catalog): Promise<string | undefined> {
  const rows = await database.query(
    `SELECT CASE WHEN c.relkind = 'p' THEN '' ELSE 'ONLY ' END || '"' || replace(n.nspname, '"', '""') || '"."' ||
            replace(c.relname, '"', '""') || '"' AS name
     FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
     JOIN pg_class c ON c.oid = r.prrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE p.pubname = $1 AND n.nspname <> $2`,
    [streamName(database.side), SCHEMA],
  );
  return difference(
    rows.map((row) => field(row, "name")),
    published(catalog),
  );
}

/** @throws Error naming tables that this side's publication lacks: their rows were never carried */
export async function requirePublished(database: Database, catalog: Catalog): Promise<void> {
  const differing = await publicationDiffers(database, catalog);
  if (differing !== undefined) throw new Error(`${database.side}'s publication does not fit its tables: ${differing}`);
}

/** @throws Error naming them: their writes would come in after the fence whenever somebody commits them */
export async function requireNonePrepared(database: Database): Promise<void> {
  const rows = await database.query(
    "SELECT gid, prepared FROM pg_prepared_xacts WHERE database = current_database() ORDER BY prepared",
  );
  if (rows.length === 0) return;
  const named = rows.map((row) => `'${row.gid}' of ${row.prepared}`).join(", ");
  throw new Error(`${database.side} has prepared transactions; COMMIT PREPARED or ROLLBACK PREPARED each: ${named}`);
}

/**
 * Writers that have been open for longer than a flip may wait for, without those that only wait for one of them. An open reader of the
 * pooler shows in its PAUSE. The applier of a way is waited for with the marker, and has ended when the next slot is made.
 */
const LONG = `
SELECT a.pid, a.usename, a.state, left(a.query, 200) AS query,
       round(extract(epoch FROM clock_timestamp() - a.xact_start))::text AS seconds
FROM pg_stat_activity a
WHERE a.backend_type = 'client backend' AND a.pid <> pg_backend_pid() AND a.application_name <> '${APPLIER}' AND a.xact_start < clock_timestamp() - interval '${LONG_MS} ms'
  AND (a.backend_xid IS NOT NULL OR EXISTS (SELECT FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
       WHERE l.pid = a.pid AND l.granted AND a.datname = current_database() AND c.relkind IN ('r', 'p')
         AND l.relation >= 16384 AND l.mode IN ('RowExclusiveLock', 'ShareUpdateExclusiveLock', 'ShareLock',
           'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')))
  AND cardinality(pg_blocking_pids(a.pid)) = 0
ORDER BY a.xact_start`;

/**
 * The fence waits for transactions that have written, and so does a new slot.
 * @param mayEnd ends them instead of refusing
 * @returns a line for each that was ended
 * @throws Error naming each with its query
 */
export async function requireNoLongTransactions(database: Database, mayEnd: boolean): Promise<string[]> {
  const ended: string[] = [];
  for (let round = 1; ; round += 1) {
    const rows = await database.query(LONG);
    if (rows.length === 0) return ended;
    const named = rows.map((row) => processLine(row, database));
    if (!mayEnd || round > ROUNDS)
      throw new Error(
        `transactions that the flip would wait for (end them, or let the flip end them):\n${named.join("\n")}`,
      );
    await endProcesses(
      database,
      rows.map((row) => field(row, "pid")),
    );
    ended.push(...named);
    // Those that waited for it get on now.
    await pause(BREATH_MS);
  }
}

/** @throws Error unless somebody watches over flips at both sides (`watchFlips`) */
export async function requireWatchdog(at: Sessions): Promise<void> {
  for (const database of [at.blue, at.green]) {
    const sql = "SELECT FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database()";
    if ((await database.query(sql, [WATCHDOG])).length > 0) continue;
    throw new Error(`no watchdog is connected to ${database.side}; start it on the pooler's host`);
  }
}
