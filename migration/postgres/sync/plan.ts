import { type Database, field } from "../database.ts";
import { SCHEMA } from "../names.ts";
import type { Dump } from "./dump.ts";

/** What the copy still has to do, on green itself: whoever goes on with it, and whenever, finds it there. */
const TABLES = `
CREATE SCHEMA IF NOT EXISTS ${SCHEMA};
CREATE TABLE ${SCHEMA}.copy (
  one boolean PRIMARY KEY DEFAULT true CHECK (one), source text NOT NULL, shape text NOT NULL,
  began timestamptz NOT NULL DEFAULT clock_timestamp(), rows_ready timestamptz, ended timestamptz);
CREATE TABLE ${SCHEMA}.copy_statement (
  number int PRIMARY KEY, phase text NOT NULL, sql text NOT NULL, done boolean NOT NULL DEFAULT false);`;

export type Phase = "index" | "after";

/** An attempt that was begun here. */
export interface Attempt {
  source: string;
  shape: string;
  rowsReady: boolean;
  ended: boolean;
}

/** Which database the rows come from; an attempt from another one is not gone on with. */
export async function sourceIdentity(blue: Database): Promise<string> {
  const row = await blue.one(
    "SELECT (SELECT system_identifier FROM pg_control_system()) || ' ' || oid AS id FROM pg_database WHERE datname = current_database()",
  );
  return field(row, "id");
}

export async function readAttempt(green: Database): Promise<Attempt | undefined> {
  const there = await green.one(`SELECT to_regclass('${SCHEMA}.copy') IS NOT NULL AS there`);
  if (there.there !== "t") return undefined;
  const [row] = await green.query(
    `SELECT source, shape, rows_ready IS NOT NULL AS ready, ended IS NOT NULL AS ended FROM ${SCHEMA}.copy`,
  );
  if (row === undefined) return undefined;
  return {
    source: field(row, "source"),
    shape: field(row, "shape"),
    rowsReady: row.ready === "t",
    ended: row.ended === "t",
  };
}

/** Makes the schema and notes the rest, in one transaction: it is there whole or not at all. */
export async function begin(
  green: Database,
  dump: Dump,
  { source, shape }: Pick<Attempt, "source" | "shape">,
): Promise<void> {
  await green.transaction(async () => {
    await green.query(TABLES);
    await green.query(`INSERT INTO ${SCHEMA}.copy (source, shape) VALUES ($1, $2)`, [source, shape]);
    const later = [
      ...dump.indexes.map((sql) => ({ phase: "index", sql })),
      ...dump.after.map((sql) => ({ phase: "after", sql })),
    ];
    for (const [number, { phase, sql }] of later.entries())
      await green.query(`INSERT INTO ${SCHEMA}.copy_statement (number, phase, sql) VALUES ($1, $2, $3)`, [
        number,
        phase,
        sql,
      ]);
    for (const text of [dump.before, ...dump.keys]) if (text !== "") await green.query(text);
  });
}

export async function markRowsReady(green: Database): Promise<void> {
  await green.query(`UPDATE ${SCHEMA}.copy SET rows_ready = coalesce(rows_ready, clock_timestamp())`);
}

export async function markEnded(green: Database): Promise<void> {
  await green.query(`UPDATE ${SCHEMA}.copy SET ended = coalesce(ended, clock_timestamp())`);
}

/**
 * Runs what is left of a phase, each statement in a transaction with the note that it is done.
 * @param parallel statements at a time; only what does not need each other may be more than one
 */
export async function runStatements(
  green: Database,
  phase: Phase,
  { parallel, setup, tell }: { parallel: number; setup: readonly string[]; tell: (done: number, of: number) => void },
): Promise<void> {
  const left = await green.query(
    `SELECT number, sql FROM ${SCHEMA}.copy_statement WHERE phase = $1 AND NOT done ORDER BY number`,
    [phase],
  );
  const of = left.length;
  let done = 0;
  const work = async () => {
    // What pg_dump sets for its statements would stay for the next ones, so each has a session to itself.
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const { number = null, sql } = next;
      const session = green.another({ setup });
      try {
        await session.transaction(async () => {
          await session.query(String(sql));
          await session.query(`RESET ROLE`);
          await session.query(`UPDATE ${SCHEMA}.copy_statement SET done = true WHERE number = $1`, [number]);
        });
      } finally {
        await session.close();
      }
      done += 1;
      tell(done, of);
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: parallel }, work));
  for (const end of ended) if (end.status === "rejected") throw end.reason;
}
