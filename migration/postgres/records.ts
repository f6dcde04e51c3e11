import type { Side } from "../side.ts";
import { type Database, field } from "./database.ts";
import { SCHEMA } from "./names.ts";
import type { Sessions } from "./path.ts";

/**
 * What a move keeps in either database. Only `marker` crosses. `switch` says when this side was opened, `operator` who works on the
 * move and whether both sides were once open (`split`), `flip` what was begun and how it ended, and where this side's log was when
 * it was fenced (`fenced`). Epochs say what came later; times are for people, as the clock of a server may be set back.
 */
export const RECORDS = `
CREATE SCHEMA IF NOT EXISTS ${SCHEMA};
CREATE TABLE IF NOT EXISTS ${SCHEMA}.marker (
  side text PRIMARY KEY, token text NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE TABLE IF NOT EXISTS ${SCHEMA}.operator (
  one boolean PRIMARY KEY DEFAULT true CHECK (one), epoch bigint NOT NULL, who text NOT NULL, split text,
  since timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE TABLE IF NOT EXISTS ${SCHEMA}.switch (
  number bigint PRIMARY KEY, epoch bigint NOT NULL, writer text NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE TABLE IF NOT EXISTS ${SCHEMA}.flip (
  id uuid PRIMARY KEY, epoch bigint NOT NULL, source text NOT NULL, target text NOT NULL, who text NOT NULL,
  began timestamptz NOT NULL DEFAULT clock_timestamp(), deadline timestamptz NOT NULL,
  ended timestamptz, outcome text, lines jsonb, fenced pg_lsn);
INSERT INTO ${SCHEMA}.operator (epoch, who) VALUES (0, 'nobody') ON CONFLICT DO NOTHING;`;

/** Which side was opened last, by the records of both; the number grows with every flip. */
export async function lastSwitch(at: Sessions): Promise<{ writer: Side; number: number }> {
  const found = await Promise.all(
    [at.blue, at.green].map(async (database) => {
      const row = await database.one(`SELECT coalesce(max(number), -1) AS number FROM ${SCHEMA}.switch`);
      return { writer: database.side, number: Number(field(row, "number")) };
    }),
  );
  const last = found.reduce((one, other) => (other.number > one.number ? other : one));
  if (last.number < 0) throw new Error("neither database knows of a move; prepare it first");
  return last;
}

/** A statement that notes that a side is opened, for the transaction that does it. */
export function recordSwitch(number: number, epoch: number, writer: Side): string {
  return `INSERT INTO ${SCHEMA}.switch (number, epoch, writer) VALUES (${number}, ${epoch}, '${writer}')`;
}

/** After its deadline an operator may still be putting things back. */
const GRACE = "interval '3 s'";

/** A flip that was begun; `overdue` by the clock of the database, so that no other clock counts. */
export interface BegunFlip {
  id: string;
  source: Side;
  target: Side;
  who: string;
  overdue: boolean;
}

/** Written on both sides before anything changes, so that whoever comes later knows what to finish or undo, and by when. */
export async function recordBegin(
  at: Sessions,
  flip: { id: string; source: Side; target: Side; who: string; epoch: number; budgetMs: number },
): Promise<void> {
  for (const database of [at.blue, at.green])
    await database.query(
      `INSERT INTO ${SCHEMA}.flip (id, epoch, source, target, who, deadline)
       VALUES ($1, $2, $3, $4, $5, clock_timestamp() + make_interval(secs => $6::float8 / 1000))`,
      [flip.id, flip.epoch, flip.source, flip.target, flip.who, flip.budgetMs],
    );
}

export async function recordEnd(database: Database, id: string | null, outcome: string, lines: unknown): Promise<void> {
  await database.query(
    `UPDATE ${SCHEMA}.flip SET ended = clock_timestamp(), outcome = $2, lines = $3::jsonb
     WHERE ended IS NULL AND ($1::uuid IS NULL OR id = $1::uuid)`,
    [id, outcome, JSON.stringify(lines)],
  );
}

/** The flip that has no end yet, if there is one. */
export async function openFlip(database: Database): Promise<BegunFlip | undefined> {
  const [row] = await database.query(
    `SELECT id, source, target, who, (clock_timestamp() > deadline + ${GRACE})::text AS overdue FROM ${SCHEMA}.flip
     WHERE ended IS NULL ORDER BY epoch DESC LIMIT 1`,
  );
  if (row === undefined) return undefined;
  const side = (name: string): Side => (field(row, name) === "blue" ? "blue" : "green");
  return {
    id: field(row, "id"),
    source: side("source"),
    target: side("target"),
    who: field(row, "who"),
    overdue: field(row, "overdue") === "true",
  };
}
