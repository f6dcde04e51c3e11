import { setTimeout as pause } from "node:timers/promises";
import { prepareSince, readSince, writeSince } from "../applier/progress.ts";
import { type Database, field, type SessionOptions } from "../database.ts";
import { parseLsn } from "../lsn.ts";
import { literal, qualified, streamName } from "../names.ts";
import type { Path, Sessions } from "../path.ts";
import { CANONICAL, UNHURRIED } from "../session.ts";
import { exportSnapshot, PLACING } from "../snapshots.ts";
import { dropSlot, dropSubscription, ensureSlot, slotTrouble, subscribed } from "../stream.ts";
import { type CopyProgress, readLag } from "./progress.ts";

/** A table as the publication names it; a root stands for its partitions. */
interface Unit {
  name: string;
  /** As COPY takes them; a generated column is computed on green. */
  columns: string;
  bytes: number;
  root: boolean;
}

/** What the copy is made with; `watch` throws where it must end. */
export interface Pushed {
  at: Sessions;
  path: Path;
  /** Tables at a time. */
  parallel: number;
  /** What makes a session of green fit for building: past its fence and its guard. */
  building: readonly string[];
  tell(progress: CopyProgress): void;
  watch(): Promise<void>;
}

const POLL_MILLISECONDS = 250;

const UNITS = `
SELECT n.nspname AS schema, c.relname AS name, c.relkind = 'p' AS root,
  (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a
   WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '') AS columns,
  CASE c.relkind WHEN 'p' THEN (SELECT sum(pg_table_size(p.relid)) FROM pg_partition_tree(c.oid) p) ELSE pg_table_size(c.oid) END AS bytes
FROM pg_publication p JOIN pg_publication_rel r ON r.prpubid = p.oid JOIN pg_class c ON c.oid = r.prrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE p.pubname = $1`;

/**
 * Brings the rows where green cannot subscribe: each table in one transaction from a snapshot of blue, with a note up to where in
 * blue's log its copy reaches; then the applier carries what came later. Ended anywhere and begun again, tables that are noted stay,
 * and the others come from a new snapshot: for each table the applier leaves out exactly what its own copy has.
 * The publication is there. @returns when green follows blue
 */
export async function pushRows(pushed: Pushed): Promise<void> {
  const { at, path } = pushed;
  const { blue, green } = at;
  if (await subscribed(green, "blue")) {
    await dropSubscription(green, "blue");
    await dropSlot(blue);
  }
  const units = await unitsOf(blue);
  const building = green.another({ setup: pushed.building });
  try {
    await prepareSince(building);
    const noted = await readSince(green, streamName("blue"));
    // A slot without a note is as new as one that a flip has made, and then the tables are full.
    if ((await slotTrouble(blue)) !== undefined || noted.size === 0) {
      await path.stop(at);
      // Before the slot: where there are notes, everything that is not noted is empty.
      await empty(building, units);
      await ensureSlot(at, "blue");
    }
  } finally {
    await building.close();
  }
  await copyAll(pushed, units);
  await path.start(at);
  await caughtUp(pushed, units);
}

async function unitsOf(blue: Database): Promise<Unit[]> {
  const rows = await blue.query(UNITS, [streamName("blue")]);
  const units = rows.map((row) => ({
    name: qualified(field(row, "schema"), field(row, "name")),
    columns: row.columns ?? "",
    bytes: Number(row.bytes ?? 0),
    root: row.root === "t",
  }));
  // The largest first, so that none is left alone at the end.
  return units.sort((one, other) => other.bytes - one.bytes);
}

async function empty(green: Database, units: readonly Unit[]): Promise<void> {
  await green.query(`TRUNCATE ${units.map(({ name, root }) => (root ? name : `ONLY ${name}`)).join(", ")}`);
}

async function copyAll(pushed: Pushed, units: readonly Unit[]): Promise<void> {
  const { at, parallel, tell, watch } = pushed;
  const noted = await readSince(at.green, streamName("blue"));
  const left = units.filter(({ name }) => !noted.has(name));
  if (left.length === 0) return;
  const progress = begun(units, left);
  const copying = new Copying(pushed, left, progress);
  let over = false;
  const copied = copying.run(Math.min(parallel, left.length)).finally(() => {
    over = true;
  });
  // It may fail before anybody waits for it.
  copied.catch(() => undefined);
  try {
    while (!over) {
      progress.lagBytes = await readLag(at.blue);
      tell({ ...progress });
      await watch();
      await Promise.race([copied, pause(POLL_MILLISECONDS)]);
    }
  } finally {
    // Where the watch has ended it, nothing may come in any more.
    copying.end();
    await copied.catch(() => undefined);
  }
  await copied;
}

function begun(units: readonly Unit[], left: readonly Unit[]): CopyProgress {
  const bytes = (of: readonly Unit[]) => of.reduce((sum, unit) => sum + unit.bytes, 0);
  return {
    tables: { done: units.length - left.length, all: units.length },
    bytes: { done: bytes(units) - bytes(left), all: bytes(units) },
    rows: 0,
    lagBytes: 0,
  };
}

/** One snapshot of blue, and the tables that are brought as they were in it. */
class Copying {
  readonly #pushed: Pushed;
  readonly #left: Unit[];
  readonly #progress: CopyProgress;
  readonly #sessions: Database[] = [];

  constructor(pushed: Pushed, left: readonly Unit[], progress: CopyProgress) {
    this.#pushed = pushed;
    this.#left = [...left];
    this.#progress = progress;
  }

  /** Begins no further table, and breaks off those that are under way. */
  end(): void {
    this.#left.length = 0;
    for (const session of this.#sessions) session.abort();
  }

  async run(workers: number): Promise<void> {
    const { blue } = this.#pushed.at;
    const snapshot = await exportSnapshot(this.#session(blue, PLACING));
    const setup = [...CANONICAL, ...UNHURRIED, "SET row_security = off"];
    const readers = Array.from({ length: workers }, () => this.#session(blue, { setup }));
    try {
      for (const reader of readers) {
        await reader.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
        await reader.query(`SET TRANSACTION SNAPSHOT ${literal(snapshot.name)}`);
      }
    } finally {
      await snapshot.release();
    }
    const ended = await Promise.allSettled(readers.map((reader) => this.#work(reader, snapshot.lsn)));
    await Promise.all(this.#sessions.map((session) => session.close()));
    for (const end of ended) if (end.status === "rejected") throw end.reason;
  }

  async #work(reader: Database, lsn: string): Promise<void> {
    const { at, building } = this.#pushed;
    const writer = this.#session(at.green, { setup: [...building, ...CANONICAL] });
    for (let unit = this.#left.shift(); unit !== undefined; unit = this.#left.shift()) {
      await this.#table(unit, reader, writer, lsn);
      this.#progress.tables.done += 1;
    }
  }

  /** The rows with their note, or neither. */
  async #table({ name, columns, bytes, root }: Unit, reader: Database, writer: Database, lsn: string): Promise<void> {
    const progress = this.#progress;
    const before = { bytes: 0, rows: 0 };
    const rows =
      root || columns === "" ? `(SELECT ${columns} FROM ${root ? "" : "ONLY "}${name})` : `${name} (${columns})`;
    await writer.transaction(async () => {
      const into = `COPY ${name}${columns === "" ? "" : ` (${columns})`} FROM STDIN`;
      await reader.copyTo(writer, `COPY ${rows} TO STDOUT`, into, (copied) => {
        // A row takes another size as text than on disk, so a table is full only when it is done.
        const now = Math.min(bytes, copied.bytes);
        progress.bytes.done += now - before.bytes;
        progress.rows += copied.rows - before.rows;
        Object.assign(before, { bytes: now, rows: copied.rows });
      });
      await writeSince(writer, streamName("blue"), name, parseLsn(lsn));
    });
    progress.bytes.done += bytes - before.bytes;
  }

  #session(database: Database, options: SessionOptions): Database {
    const session = database.another({ ...options, once: true });
    this.#sessions.push(session);
    return session;
  }
}

/** Waits for the applier to have brought what blue has now. */
async function caughtUp({ at, path, tell, watch }: Pushed, units: readonly Unit[]): Promise<void> {
  const lsn = field(await at.blue.one("SELECT pg_current_wal_flush_lsn() AS lsn"), "lsn");
  const progress = begun(units, []);
  while (!(await path.holds(at, lsn))) {
    const trouble = await path.trouble(at);
    if (trouble !== undefined) throw new Error(`the rows are there, and what came later does not follow: ${trouble}`);
    tell({ ...progress, lagBytes: await readLag(at.blue) });
    await watch();
    await pause(POLL_MILLISECONDS);
  }
}
