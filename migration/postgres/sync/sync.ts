import { setTimeout as pause } from "node:timers/promises";
import { published, readCatalog } from "../catalog.ts";
import { type Access, type Database, field } from "../database.ts";
import { emptiness } from "../inspect/target.ts";
import { identifier, qualified, SCHEMA, streamName } from "../names.ts";
import type { Path } from "../path.ts";
import { RECORDS } from "../records.ts";
import { readLeftOut } from "../scope.ts";
import { UNHURRIED } from "../session.ts";
import {
  createSubscription,
  dropSlot,
  dropSubscription,
  ensurePublication,
  ensureSlot,
  slotTrouble,
  subscriptionTrouble,
} from "../stream.ts";
import { type Dump, dumpSchema } from "./dump.ts";
import { type Attempt, begin, markEnded, markRowsReady, readAttempt, runStatements, sourceIdentity } from "./plan.ts";
import { type CopyProgress, publishedSizes, readProgress, secondsLeft } from "./progress.ts";
import { pushRows } from "./pushed.ts";
import { requireSlotSafe, requireTablesSafe, requireUnchanged } from "./safety.ts";

export interface SyncOptions {
  blue: Database;
  green: Database;
  /** How green's server reaches blue, which need not be the way of whoever runs this. */
  greenToBlue: Access;
  /** How `pg_dump` is started here. @default ["pg_dump"] */
  pgDump?: string[];
  /** Who owns everything on green; without it owners and grants are those of blue. */
  role?: string;
  /**
   * Carries blue's changes where green can make no subscription; the rows are then copied by this program. Without it green
   * subscribes.
   */
  pushed?: Path | undefined;
  /** Once the tables are there and before the first row: fences, records, guard (`prepareMove`). */
  prepared?: () => Promise<void>;
  /** Indexes that are built at a time, and tables this program copies at a time. @default 2 */
  parallel?: number;
  tell?: (status: SyncStatus) => void;
}

export interface SyncStatus {
  step: "schema" | "rows" | "indexes" | "constraints" | "views" | "done";
  progress?: CopyProgress;
  secondsLeft?: number | undefined;
  statements?: { done: number; all: number };
}

const POLL_MILLISECONDS = 250;
/** Green may be fenced and its schema guarded already; this is the operator's work, and passes both. */
const BUILDING = [
  ...UNHURRIED,
  "SET session_replication_role = replica",
  `SET ${SCHEMA}.operator = 'on'`,
  "SET maintenance_work_mem = '256MB'",
];

/**
 * Brings blue's database to green and keeps it current: schema, keys, rows by a subscription, then indexes, foreign keys and
 * triggers. It may be ended at any moment and run again: it goes on where it was.
 * @returns when every row is there and green follows blue
 * @throws Error when green holds something else, when blue's schema changes meanwhile, or when blue is about to drop its log
 */
export async function sync(options: SyncOptions): Promise<void> {
  const { blue, green, tell = () => {} } = options;
  const attempt = await schema(options);
  if (!attempt.rowsReady) {
    await bringRows(options, attempt);
    await markRowsReady(green);
  }
  if (attempt.ended) return tell({ step: "done" });
  const phase = { setup: BUILDING, parallel: options.parallel ?? 2 };
  const telling = (step: SyncStatus["step"]) => (done: number, all: number) =>
    tell({ step, statements: { done, all } });
  await runStatements(green, "index", { ...phase, tell: telling("indexes") });
  await runStatements(green, "after", { ...phase, parallel: 1, tell: telling("constraints") });
  tell({ step: "views" });
  await fillViews(green);
  await green.query("ANALYZE");
  await requireUnchanged(blue, attempt);
  await markEnded(green);
  tell({ step: "done" });
}

/** Ours from an earlier attempt, or made now in an empty database. */
async function schema({ blue, green, pgDump = ["pg_dump"], role, tell }: SyncOptions): Promise<Attempt> {
  const source = await sourceIdentity(blue);
  const earlier = await readAttempt(green);
  if (earlier !== undefined) {
    if (earlier.source !== source)
      throw new Error("green holds a copy of another database; name an empty database, or blue's address as it was");
    if (!earlier.ended) await requireUnchanged(blue, earlier);
    return earlier;
  }
  const [full] = await emptiness(green);
  if (full !== undefined) throw new Error(`green: ${full.what}; ${full.remedy}`);
  tell?.({ step: "schema" });
  const { major } = await blue.one("SELECT current_setting('server_version_num')::int / 10000 AS major");
  const { shape } = await readCatalog(blue);
  const dump: Dump = await dumpSchema(blue.access, {
    major: Number(major),
    command: pgDump,
    role,
    leftOut: await readLeftOut(blue),
  });
  const making = green.another({ setup: UNHURRIED });
  try {
    await begin(making, dump, { source, shape });
  } finally {
    await making.close();
  }
  return { source, shape, rowsReady: false, ended: false };
}

async function bringRows(options: SyncOptions, attempt: Attempt): Promise<void> {
  const { blue, green, pushed, prepared, parallel = 2, tell = () => {} } = options;
  for (const database of [blue, green]) await database.query(RECORDS);
  if (pushed === undefined) await finishGivingUp(blue, green);
  await prepared?.();
  const began = performance.now();
  const telling = (progress: CopyProgress) =>
    tell({ step: "rows", progress, secondsLeft: secondsLeft(progress, (performance.now() - began) / 1000) });
  if (pushed === undefined) {
    await subscribe(options);
    const giveUp = async () => {
      await dropSubscription(green, "blue");
      await dropSlot(blue);
    };
    return await rows(options, telling, watching(options, attempt, giveUp));
  }
  await ensurePublication(blue, await readCatalog(blue));
  const at = { blue, green };
  const watch = watching(options, attempt, async () => {
    await pushed.stop(at);
    await dropSlot(blue);
  });
  await pushRows({ at, path: pushed, parallel, building: BUILDING, tell: telling, watch });
}

/** Looks at blue's log each time, and at its schema once in a while. */
function watching({ blue, green }: SyncOptions, attempt: Attempt, giveUp: () => Promise<void>): () => Promise<void> {
  let round = 0;
  return async () => {
    round += 1;
    try {
      await requireReceiving(green);
    } catch (error) {
      await requireUnchanged(blue, attempt);
      throw error;
    }
    await requireSlotSafe(blue, giveUp);
    await requireTablesSafe({ blue, green });
    if (round % 20 === 0) await requireUnchanged(blue, attempt);
  };
}

/** Makes publication, slot and subscription; goes on with a subscription that is there and well. */
async function subscribe({ blue, green, greenToBlue }: SyncOptions): Promise<void> {
  const name = streamName("blue");
  const there = await green.query("SELECT FROM pg_subscription WHERE subname = $1", [name]);
  if (there.length > 0 && (await slotTrouble(blue)) === undefined) return await subscribeToRest(blue, green);
  await dropSubscription(green, "blue");
  await dropSlot(blue);
  await emptied(green);
  await ensurePublication(blue, await readCatalog(blue));
  await ensureSlot({ blue, green }, "blue");
  await createSubscription(green, { from: "blue", access: greenToBlue, copyData: true, originNone: false });
}

/** Tables an earlier run gave up alone come again, from their beginning. */
async function subscribeToRest(blue: Database, green: Database): Promise<void> {
  const catalog = await readCatalog(blue);
  await ensurePublication(blue, catalog);
  const there = await listed(green, SUBSCRIBED);
  const missing = published(catalog).filter((table) => !there.has(table));
  if (missing.length > 0) await refresh(green, missing);
}

/**
 * A table that was taken from the publication and not yet from the subscription has missed changes. Published again like that it would
 * go on without them, so it goes from the subscription first.
 */
async function finishGivingUp(blue: Database, green: Database): Promise<void> {
  const known = await listed(green, SUBSCRIBED);
  if (known.size === 0 || (await slotTrouble(blue)) !== undefined) return;
  const now = await listed(blue, PUBLISHED);
  if ([...known].every((table) => now.has(table))) return;
  await refresh(
    green,
    [...now].filter((table) => !known.has(table)),
  );
}

const TABLES = `SELECT CASE c.relkind WHEN 'p' THEN '' ELSE 'ONLY ' END AS only, n.nspname AS schema, c.relname AS name
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace`;
const SUBSCRIBED = `${TABLES} JOIN pg_subscription_rel r ON r.srrelid = c.oid JOIN pg_subscription s ON s.oid = r.srsubid WHERE s.subname = $1`;
const PUBLISHED = `${TABLES} JOIN pg_publication_rel r ON r.prrelid = c.oid JOIN pg_publication p ON p.oid = r.prpubid WHERE p.pubname = $1`;

async function listed(database: Database, sql: string): Promise<Set<string>> {
  const rows = await database.query(sql, [streamName("blue")]);
  return new Set(rows.map((row) => `${row.only}${qualified(field(row, "schema"), field(row, "name"))}`));
}

/** Subscribes to what is published; of the tables that come new, part may be there already. */
async function refresh(green: Database, fresh: readonly string[]): Promise<void> {
  const session = green.another({ setup: BUILDING });
  try {
    // A table others refer to cannot be truncated.
    for (const table of fresh) await session.query(`DELETE FROM ${table}`);
    await session.query(`ALTER SUBSCRIPTION ${streamName("blue")} REFRESH PUBLICATION WITH (copy_data = true)`);
  } finally {
    await session.close();
  }
}

/** Rows of an attempt whose stream is gone are worth nothing; they are ours, or this would not be reached. */
async function emptied(green: Database): Promise<void> {
  const { tables } = await readCatalog(green);
  const names = tables.filter(({ kind }) => kind !== "leaf").map(({ schema: within, name }) => qualified(within, name));
  // It is copied with the rows, and flips have been here.
  names.push(`${SCHEMA}.marker`);
  const session = green.another({ setup: BUILDING });
  try {
    await session.query(`TRUNCATE ${names.join(", ")}`);
  } finally {
    await session.close();
  }
}

/** Waits for the rows of the subscription. */
async function rows(
  { blue, green }: SyncOptions,
  tell: (progress: CopyProgress) => void,
  watch: () => Promise<void>,
): Promise<void> {
  const sizes = await publishedSizes(blue);
  while (true) {
    const progress = await readProgress(blue, green, sizes);
    tell(progress);
    if (progress.tables.all > 0 && (await subscriptionTrouble(green, "blue")) === undefined) return;
    await watch();
    await pause(POLL_MILLISECONDS);
  }
}

/** A subscription that met an error it cannot pass. */
async function requireReceiving(green: Database): Promise<void> {
  const failing = await green.query("SELECT FROM pg_subscription WHERE subname = $1 AND NOT subenabled", [
    streamName("blue"),
  ]);
  if (failing.length > 0)
    throw new Error(
      "the subscription on green has switched itself off after an error; green's server log says which. Correct it and run this again",
    );
}

/** In the order they were made in, so that one that reads another comes later. */
async function fillViews(green: Database): Promise<void> {
  const views = await green.query(
    "SELECT n.nspname AS schema, c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'm' AND NOT c.relispopulated ORDER BY c.oid",
  );
  for (const view of views)
    await green.query(
      `REFRESH MATERIALIZED VIEW ${identifier(field(view, "schema"))}.${identifier(field(view, "name"))}`,
    );
}
