import { type Database, field } from "./database.ts";
import { literal, qualified, SCHEMA } from "./names.ts";

const OURS = literal(SCHEMA);

/** Where every sequence stands that has been used: also those that no column owns. */
const READ = `
SELECT schemaname AS schema, sequencename AS name, last_value AS last, cache_size AS cache,
       has_sequence_privilege(format('%I.%I', schemaname, sequencename), 'SELECT')::text AS readable
FROM pg_sequences WHERE schemaname <> ${OURS} AND schemaname NOT LIKE 'pg\\_temp\\_%'`;

/** One row of values a sequence: its place on the side that was open, and what its sessions may have in hand. */
const ADVANCE = `
SELECT setval(format('%I.%I', w.schema, w.name)::regclass,
  CASE WHEN s.increment_by > 0
    THEN least(greatest(w.last + w.step * s.increment_by, coalesce(s.last_value, w.last)), s.max_value)
    ELSE greatest(least(w.last + w.step * s.increment_by, coalesce(s.last_value, w.last)), s.min_value) END)
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) AS w(schema, name, last, step)
JOIN pg_sequences s ON s.schemaname = w.schema AND s.sequencename = w.name`;

/**
 * Puts every sequence of `to` past the one of `from`, never back. @returns how many
 * @throws Error naming sequences that cannot be read, or that are missing: their next value would be one that was given already
 */
export async function advanceSequences(from: Database, to: Database): Promise<number> {
  const rows = await from.query(READ);
  const hidden = rows.filter((row) => row.readable !== "true");
  if (hidden.length > 0)
    throw new Error(`no right to read sequences of ${from.side}: ${hidden.map(nameOf).join(", ")}`);
  const used = rows.filter((row) => row.last !== null);
  if (used.length === 0) return 0;
  const column = (name: string) => used.map((row) => field(row, name));
  const set = await to.query(ADVANCE, [column("schema"), column("name"), column("last"), column("cache")]);
  if (set.length !== used.length) {
    const present = new Set((await to.query(READ)).map(nameOf));
    const missing = used.map(nameOf).filter((name) => !present.has(name));
    throw new Error(`${to.side} lacks sequences of ${from.side}: ${missing.join(", ")}`);
  }
  return set.length;
}

function nameOf(row: Record<string, string | null>): string {
  return qualified(field(row, "schema"), field(row, "name"));
}
