import { otherSide, type Side } from "../side.ts";
import { forgetProgress } from "./applier/progress.ts";
import { type Catalog, published } from "./catalog.ts";
import { type Access, type Database, field } from "./database.ts";
import { literal, SCHEMA, streamName } from "./names.ts";
import type { Sessions } from "./path.ts";
import { waitsFor } from "./session.ts";
import { libpqTls } from "./tls.ts";

/** A slot waits for every writing transaction of its server; longer than this nobody should wait with writes held. */
const SLOT_TIMEOUT_MS = 5_000;

/** How long one server waits for the other's answer when a way is made or ended. */
const ANSWER_MS = 4_000;

/** How long a sender may take to notice that nobody listens any more, before it is ended. */
const NOTICE_MS = 300;

/** How long it may keep its slot in all: one that stands still does not even end when it is told to. */
const RELEASE_MS = 5_000;

/** Publishes all carried tables and the marker; changes of a partition go under its root's name. */
export async function ensurePublication(database: Database, catalog: Catalog): Promise<void> {
  const name = streamName(database.side);
  const tables = [...published(catalog), `${SCHEMA}.marker`].join(", ");
  const exists = await database.query("SELECT FROM pg_publication WHERE pubname = $1", [name]);
  await database.query(
    exists.length > 0
      ? `ALTER PUBLICATION ${name} SET TABLE ${tables}`
      : `CREATE PUBLICATION ${name} FOR TABLE ${tables} WITH (publish_via_partition_root = true)`,
  );
}

/**
 * How far an earlier slot of that name was applied is forgotten before a new one is made: it counts in the log of a server that
 * another one may have taken the place of.
 * @throws Error when it does not come in time, with nothing left behind
 */
export async function ensureSlot(at: Sessions, from: Side): Promise<void> {
  const database = at[from];
  const name = streamName(from);
  const [slot] = await database.query("SELECT wal_status FROM pg_replication_slots WHERE slot_name = $1", [name]);
  if (slot !== undefined && slot.wal_status !== "lost") return;
  if (slot !== undefined) await dropSlot(database);
  await forgetProgress(at[otherSide(from)], name);
  await database.script(
    `SET LOCAL statement_timeout = ${SLOT_TIMEOUT_MS}; SELECT pg_create_logical_replication_slot('${name}', 'pgoutput')`,
  );
}

/** Not longer than this: with statements held, a server that waits for the other one would hold everybody. */
async function answered(database: Database, ms: number, work: () => Promise<unknown>): Promise<void> {
  await database.query(`SET statement_timeout = ${ms}`);
  try {
    await work();
  } finally {
    await database.query("SET statement_timeout = 0");
  }
}

/**
 * Of a way that was stopped: its sender may not have noticed, and is ended then.
 * @throws Error naming the process that does not let go of it within 5 s
 */
export async function dropSlot(database: Database): Promise<void> {
  const name = streamName(database.side);
  const began = performance.now();
  while (true) {
    const [slot] = await database.script(
      `${waitsFor(`NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = '${name}' AND active_pid IS NOT NULL)`, NOTICE_MS)};
       SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '${name}' AND active_pid IS NULL;
       SELECT active_pid FROM pg_replication_slots WHERE slot_name = '${name}'`,
    );
    if (slot === undefined) return;
    const reader = slot.active_pid ?? null;
    if (performance.now() - began > RELEASE_MS)
      throw new Error(`the slot ${name} of ${database.side} is still in use, by process ${reader} of that server`);
    if (reader !== null) await end(database, reader);
  }
}

/** Where this role may not, there is still the hope that it ends by itself. */
async function end(database: Database, pid: string): Promise<void> {
  await database.query("SELECT pg_terminate_backend($1::int)", [pid]).catch(() => undefined);
}

/**
 * Where the slot's reader has confirmed to have everything on disk.
 * @param waitMs how long to wait for that, in milliseconds. @default 0
 */
export async function slotHolds(database: Database, lsn: string, waitMs = 0): Promise<boolean> {
  const slot = `FROM pg_replication_slots WHERE slot_name = '${streamName(database.side)}' AND confirmed_flush_lsn >= '${lsn}'`;
  return (await database.script(`${waitsFor(`EXISTS (SELECT ${slot})`, waitMs)}; SELECT ${slot}`)).length > 0;
}

/** @returns why the slot cannot serve its reader, or undefined */
export async function slotTrouble(database: Database): Promise<string | undefined> {
  const name = streamName(database.side);
  const [slot] = await database.query("SELECT wal_status FROM pg_replication_slots WHERE slot_name = $1", [name]);
  if (slot === undefined) return `${database.side} has no slot ${name}`;
  if (slot.wal_status === "lost")
    return `the slot ${name} of ${database.side} has lost its log (max_slot_wal_keep_size)`;
  return undefined;
}

/** What a subscription is made with. */
export interface Subscription {
  /** The side that sends. */
  from: Side;
  /** How the other side's server reaches it. */
  access: Access;
  /** Whether rows that are there already are copied first. */
  copyData: boolean;
  /** Whether it begins at once. @default true */
  enabled?: boolean;
  /** Leaves out what came from elsewhere; both servers must be of 16 or later. */
  originNone: boolean;
}

/** Made at the receiving side; the slot exists. */
export async function createSubscription(
  at: Database,
  { from, access, copyData, enabled = true, originNone }: Subscription,
): Promise<void> {
  const name = streamName(from);
  const options = [
    "create_slot = false",
    `slot_name = ${literal(name)}`,
    `copy_data = ${copyData}`,
    `enabled = ${enabled}`,
    // Without it a row counts as received when it is visible, and can be gone after a power cut.
    "synchronous_commit = on",
    // A broken connection counts as an error, and one that is switched off stays so; the marker shows what does not get through.
    "disable_on_error = false",
    ...(originNone ? ["origin = none"] : []),
  ];
  await answered(at, ANSWER_MS, () =>
    at.transaction(async () => {
      await keepOutOfLog(at);
      await at.query(
        `CREATE SUBSCRIPTION ${name} CONNECTION ${literal(connectionText(access, name))} PUBLICATION ${name} WITH (${options.join(", ")})`,
      );
    }),
  );
}

/** @returns why this side's server can make no subscription to the other one, by having tried in a transaction that is taken back */
export async function subscriptionRefusal(at: Database, access: Access): Promise<string | undefined> {
  const session = at.another({ setup: [`SET statement_timeout = ${ANSWER_MS}`], once: true });
  try {
    await session.query("BEGIN");
    await keepOutOfLog(session);
    await session.query(
      `CREATE SUBSCRIPTION ${SCHEMA}_probe CONNECTION ${literal(connectionText(access, SCHEMA))} PUBLICATION ${SCHEMA}_probe
       WITH (create_slot = false, slot_name = ${SCHEMA}_probe, copy_data = false, enabled = false)`,
    );
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    await session.query("ROLLBACK").catch(() => undefined);
    await session.close();
  }
}

/**
 * The rest of this transaction is not written to the server's log, not even what fails or is slow: it has a password in it. Only a
 * superuser may ask for that, which the one who subscribes is on a server of ours.
 */
async function keepOutOfLog(at: Database): Promise<void> {
  if ((await at.one("SELECT current_setting('is_superuser') AS superuser")).superuser !== "on") return;
  await at.query("SET LOCAL log_statement = 'none'");
  await at.query("SET LOCAL log_min_duration_statement = -1");
  await at.query("SET LOCAL log_min_duration_sample = -1");
  await at.query("SET LOCAL log_transaction_sample_rate = 0");
  await at.query("SET LOCAL log_min_error_statement = 'panic'");
}

/**
 * On the receiving side alone, all at once or not at all; the slot stays. A subscription that takes its slot along asks the other
 * server for that, which waits there for the sender: given up here, that question goes on waiting, and drops the slot, or the next one
 * of that name, whenever the sender has come to its end.
 */
export async function dropSubscription(at: Database, from: Side): Promise<void> {
  const name = streamName(from);
  await at.query(
    `DO $drop$ BEGIN IF EXISTS (${subscriptionOf(from)}) THEN
       ALTER SUBSCRIPTION ${name} DISABLE; ALTER SUBSCRIPTION ${name} SET (slot_name = NONE); DROP SUBSCRIPTION ${name};
     END IF; END $drop$`,
  );
}

/** Begins to receive, or goes on after it was switched off. @returns whether there is one */
export async function enableSubscription(at: Database, from: Side): Promise<boolean> {
  const there = await at.script(
    `DO $enable$ BEGIN IF EXISTS (${subscriptionOf(from)}) THEN ALTER SUBSCRIPTION ${streamName(from)} ENABLE; END IF; END $enable$;
     ${subscriptionOf(from)}`,
  );
  return there.length > 0;
}

export async function subscribed(at: Database, from: Side): Promise<boolean> {
  return (await at.query(subscriptionOf(from))).length > 0;
}

/** A name is a subscription's in each database of a server anew. */
function subscriptionOf(from: Side): string {
  return `SELECT FROM pg_subscription WHERE subname = '${streamName(from)}'
    AND subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())`;
}

/** @returns why a subscription receives nothing, or undefined */
export async function subscriptionTrouble(at: Database, from: Side): Promise<string | undefined> {
  const name = streamName(from);
  const [row] = await at.query(
    `SELECT s.subenabled::text AS enabled,
            (SELECT count(*) FROM pg_subscription_rel r WHERE r.srsubid = s.oid AND r.srsubstate <> 'r') AS unready,
            (SELECT coalesce(sum(value::bigint), 0)
             FROM pg_stat_subscription_stats t CROSS JOIN LATERAL jsonb_each_text(to_jsonb(t)) AS counter(key, value)
             WHERE t.subid = s.oid AND key LIKE 'confl\\_%' AND key NOT LIKE '%differs') AS conflicts
     FROM pg_subscription s
     WHERE s.subname = $1 AND s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    [name],
  );
  if (row === undefined) return `${at.side} has no subscription ${name}`;
  if (row.enabled !== "true") return `the subscription ${name} of ${at.side} is switched off`;
  if (field(row, "unready") !== "0") return `${row.unready} table(s) are still being copied to ${at.side}`;
  // Servers before 18 do not count them: a change of a row that is missing is left out there without a word.
  if (field(row, "conflicts") !== "0")
    return `${row.conflicts} change(s) met rows of ${at.side} that were missing or there already; compare both sides`;
  return undefined;
}

/** A connection as libpq reads it. @param name what the server shows of it, and waits for where its commits shall (`synchronous.ts`) */
function connectionText(access: Access, name: string): string {
  const quoted = (value: string | number) => `'${String(value).replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
  const parts: Record<string, string | number | undefined> = {
    host: access.host,
    port: access.port,
    dbname: access.database,
    user: access.user,
    password: access.password,
    ...libpqTls(access.tls),
    application_name: name,
    connect_timeout: ANSWER_MS / 1000,
  };
  return Object.entries(parts)
    .flatMap(([key, value]) => (value === undefined ? [] : [`${key}=${quoted(value)}`]))
    .join(" ");
}
