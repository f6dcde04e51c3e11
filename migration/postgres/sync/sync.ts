import { setTimeout as pause } from "node:timers/promises";
import { readCatalog } from "../catalog.ts";
import { type Access, type Database, field } from "../database.ts";
import { emptiness } from "../inspect/target.ts";
import { identifier, qualified, SCHEMA, streamName } from "../names.ts";
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

export interface SyncOptions {
  blue: Database;
  green: Database;
  /** How green's server reaches blue, which need not be the way of whoever runs this. */
  greenToBlue: Access;
  /** How `pg_dump` is started here. @default ["pg_dump"] */
  pgDump?: string[];
  /** Who owns everything on green; without it owners and grants are those of blue. */
  role?: string;
  /** Once the tables are there and before the first row: fences, records, guard (`prepareMove`). */
  prepared?: () => Promise<void>;
  /** Indexes that are built at a time. @default 2 */
  parallel?: number;
  tell?: (status: SyncStatus) => void;
}

export interface SyncStatus {
  step: "schema" | "rows" | "indexes" | "constraints" | "views" | "done";
  progress?: CopyProgress;
  secondsLeft?: number | undefined;
  statements?: { done: number; all: number };
}

/** Below this share of its allowance the slot is given up, before blue drops the log under it. */
const KEPT_FREE = 0.2;
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
    await subscribe(options);
    await rows(options, attempt);
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
  await unchanged(blue, attempt);
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
    if (!earlier.ended) await unchanged(blue, earlier);
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

/** Makes publication, slot and subscription; goes on with a subscription that is there and well. */
async function subscribe({ blue, green, greenToBlue, prepared }: SyncOptions): Promise<void> {
  for (const database of [blue, green]) await database.query(RECORDS);
  await prepared?.();
  const name = streamName("blue");
  const there = await green.query("SELECT FROM pg_subscription WHERE subname = $1", [name]);
  if (there.length > 0 && (await slotTrouble(blue)) === undefined) return;
  await dropSubscription(green, "blue");
  await dropSlot(blue);
  await emptied(green);
  await ensurePublication(blue, await readCatalog(blue));
  await ensureSlot({ blue, green }, "blue");
  await createSubscription(green, { from: "blue", access: greenToBlue, copyData: true, originNone: false });
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

/** Waits for the rows, and watches over blue's log and blue's schema meanwhile. */
async function rows({ blue, green, tell = () => {} }: SyncOptions, attempt: Attempt): Promise<void> {
  const sizes = await publishedSizes(blue);
  const began = performance.now();
  for (let round = 0; ; round += 1) {
    const progress = await readProgress(blue, green, sizes);
    tell({ step: "rows", progress, secondsLeft: secondsLeft(progress, (performance.now() - began) / 1000) });
    if (progress.tables.all > 0 && (await subscriptionTrouble(green, "blue")) === undefined) return;
    await slotSafety(blue, green, attempt);
    if (round % 20 === 19) await unchanged(blue, attempt);
    await pause(POLL_MILLISECONDS);
  }
}

async function slotSafety(blue: Database, green: Database, attempt: Attempt): Promise<void> {
  const name = streamName("blue");
  const [slot] = await blue.query(
    `SELECT wal_status, safe_wal_size,
       (SELECT setting::bigint * 1024 * 1024 FROM pg_settings WHERE name = 'max_slot_wal_keep_size') AS allowance
     FROM pg_replication_slots WHERE slot_name = $1`,
    [name],
  );
  const allowance = Number(slot?.allowance ?? -1);
  const safe = slot?.safe_wal_size ?? null;
  const failing = await green.query("SELECT FROM pg_subscription WHERE subname = $1 AND NOT subenabled", [name]);
  if (failing.length > 0) {
    await unchanged(blue, attempt);
    throw new Error(
      "the subscription on green has switched itself off after an error; green's server log says which. Correct it and run this again",
    );
  }
  if (slot === undefined) throw new Error("blue's slot is gone; run this again, which begins the rows anew");
  if (slot.wal_status !== "lost" && (allowance < 0 || safe === null || Number(safe) >= allowance * KEPT_FREE)) return;
  await dropSubscription(green, "blue");
  await dropSlot(blue);
  throw new Error(
    `blue has written so much log that ${safe ?? 0} of ${allowance} bytes of its allowance were left; the copy was given up before blue dropped the log. ` +
      "Raise max_slot_wal_keep_size on blue (bascule inspect names a value) or choose a quieter hour, then run this again",
  );
}

async function unchanged(blue: Database, { shape }: Attempt): Promise<void> {
  if ((await readCatalog(blue)).shape === shape) return;
  throw new Error(
    "blue's schema is not what it was when the copy began, and green has the old one. Take the change back, or drop green's database and begin anew",
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
