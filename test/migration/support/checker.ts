import { setTimeout as pause } from "node:timers/promises";
import type { Database } from "../../../migration/postgres/database.ts";
import { ACCOUNTS, START_BALANCE, TABLES } from "./shop.ts";
import type { Writers } from "./writer.ts";

const TOKEN_TABLES = ["ledger", "keyless", '"Parted 🧀"'];

/** What a run did to the writes; all of it is zero, or something is broken. */
export interface Verdict {
  /** Acknowledged, and not there. */
  lost: number;
  /** There more than once. */
  duplicated: number;
  /** Everything that is wrong, in words. */
  problems: string[];
}

/** Looks on one side for what the writers know. */
export async function check(database: Database, ...writers: Writers[]): Promise<Verdict> {
  // Before reading: what is acknowledged in between would look lost.
  const acked = writers.flatMap(({ outcomes }) => outcomes.acked);
  const failed = writers.flatMap(({ outcomes }) => outcomes.failed);
  const found: Map<string, number>[] = [];
  let unknown: string[] = [];
  await database.transaction(async () => {
    for (const table of TOKEN_TABLES) found.push(await tokens(database, table));
    unknown = writers.flatMap(({ outcomes }) => outcomes.unknown);
  }, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  const inAll = (token: string) => found.every((table) => table.has(token));
  const inAny = (token: string) => found.some((table) => table.has(token));
  const lost = acked.filter((token) => !inAll(token)).length;
  const duplicated = found.reduce((sum, table) => sum + [...table.values()].filter((count) => count > 1).length, 0);
  const revived = failed.filter(inAny).length;
  const torn = unknown.filter((token) => inAny(token) && !inAll(token)).length;
  const figures = { lost, duplicated, "there though they failed": revived, "there in part": torn };
  const problems = Object.entries(figures).flatMap(([what, count]) => (count > 0 ? [`${count} ${what}`] : []));
  return { lost, duplicated, problems: [...problems, ...(await sums(database))] };
}

async function tokens(database: Database, table: string): Promise<Map<string, number>> {
  const rows = await database.query(`SELECT token, count(*) AS count FROM public.${table} GROUP BY token`);
  return new Map(rows.map(({ token, count }) => [token ?? "", Number(count)]));
}

/** Balances that were only moved, sequences that never give a value twice, an audit with one row for each entry. */
async function sums(database: Database): Promise<string[]> {
  const row = await database.one(`
    SELECT ((SELECT sum(balance) FROM public.account) = ${ACCOUNTS * START_BALANCE} + (SELECT sum(delta) FROM public.ledger))::text AS balances,
           ((SELECT last_value FROM public.ledger_id_seq) >= (SELECT max(id) FROM public.ledger))::text AS identity,
           ((SELECT last_value FROM public."Unowned Seq") >= (SELECT coalesce(max(id), 0) FROM public."Parted 🧀"))::text AS unowned,
           ((SELECT count(*) FROM public.audit) = (SELECT count(*) FROM public.ledger))::text AS audit`);
  return Object.entries(row).flatMap(([what, holds]) => (holds === "true" ? [] : [`${what} do not add up`]));
}

/** Waits for both sides to hold the same rows, with nobody writing. @returns the tables that stay different */
export async function differences(blue: Database, green: Database, timeoutMs = 8_000): Promise<string[]> {
  for (const deadline = Date.now() + timeoutMs; ; await pause(50)) {
    const [one, other] = await Promise.all([digests(blue), digests(green)]);
    const different = TABLES.filter((table) => one.get(table) !== other.get(table));
    if (different.length === 0 || Date.now() > deadline) return different;
  }
}

async function digests(database: Database): Promise<Map<string, string>> {
  await database.query("SET TimeZone = 'UTC'");
  const result = new Map<string, string>();
  for (const table of TABLES) {
    const row = await database.one(
      `SELECT count(*) || ':' || coalesce(sum(('x' || substr(encode(sha256(convert_to(t::text, 'UTF8')), 'hex'), 1, 16))::bit(64)::bigint::numeric), 0) AS digest
       FROM public.${table} t`,
    );
    result.set(table, row.digest ?? "");
  }
  return result;
}
