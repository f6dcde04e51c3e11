import { type Database, field } from "../database.ts";
import { streamName } from "../names.ts";

/** How far the rows are, by what the two servers say. */
export interface CopyProgress {
  tables: { done: number; all: number };
  /** Of what the tables of blue take without indexes. */
  bytes: { done: number; all: number };
  /** Rows of the tables that are being copied now. */
  rows: number;
  /** Of blue's log that green has not confirmed. */
  lagBytes: number;
}

/** The tables first, by themselves (OFFSET 0): asked of every relation there is, names in schemas of others would be refused. */
const SIZES = `SELECT coalesce(sum(pg_table_size(r.relid)), 0) AS bytes, format('%I.%I', t.schemaname, t.tablename) AS name
  FROM (SELECT schemaname, tablename FROM pg_publication_tables WHERE pubname = $1 OFFSET 0) t, LATERAL (SELECT p.relid FROM pg_partition_tree(format('%I.%I', t.schemaname, t.tablename)::regclass) p
    UNION SELECT format('%I.%I', t.schemaname, t.tablename)::regclass) r
  GROUP BY t.schemaname, t.tablename`;

const STATES = `SELECT format('%I.%I', n.nspname, c.relname) AS name, r.srsubstate IN ('r', 's', 'f') AS done,
    p.bytes_processed, p.tuples_processed
  FROM pg_subscription_rel r JOIN pg_subscription s ON s.oid = r.srsubid AND s.subname = $1
    JOIN pg_class c ON c.oid = r.srrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_stat_progress_copy p ON p.relid = c.oid AND p.command = 'COPY FROM'`;

/** Sizes of the published tables at the beginning; asked once, as they are the length of the bar. */
export async function publishedSizes(blue: Database): Promise<Map<string, number>> {
  return new Map((await blue.query(SIZES, [streamName("blue")])).map((row) => [field(row, "name"), Number(row.bytes)]));
}

export async function readProgress(blue: Database, green: Database, sizes: Map<string, number>): Promise<CopyProgress> {
  const name = streamName("blue");
  const states = await green.query(STATES, [name]);
  const progress: CopyProgress = {
    tables: { done: 0, all: states.length },
    bytes: { done: 0, all: [...sizes.values()].reduce((sum, size) => sum + size, 0) },
    rows: 0,
    lagBytes: await readLag(blue),
  };
  for (const row of states) {
    const size = sizes.get(field(row, "name")) ?? 0;
    const isDone = row.done === "t";
    progress.tables.done += isDone ? 1 : 0;
    // A row takes another size as text than on disk, so a table is full only when it is done.
    progress.bytes.done += isDone ? size : Math.min(size, Number(row.bytes_processed ?? 0));
    progress.rows += Number(row.tuples_processed ?? 0);
  }
  return progress;
}

/** Bytes of blue's log that its slot has not passed. */
export async function readLag(blue: Database): Promise<number> {
  const [slot] = await blue.query(
    "SELECT pg_wal_lsn_diff(pg_current_wal_flush_lsn(), confirmed_flush_lsn) AS lag FROM pg_replication_slots WHERE slot_name = $1",
    [streamName("blue")],
  );
  return Number(slot?.lag ?? 0);
}

/** @returns seconds, or undefined while nothing can be said */
export function secondsLeft({ bytes }: CopyProgress, elapsedSeconds: number): number | undefined {
  if (bytes.done === 0 || elapsedSeconds < 1) return undefined;
  return ((bytes.all - bytes.done) / bytes.done) * elapsedSeconds;
}
