import { type Database, field, type Row } from "./database.ts";
import { identifier, literal, qualified, SCHEMA } from "./names.ts";
import { leftOut } from "./scope.ts";

const OURS = literal(SCHEMA);

/** Where every sequence stands that has been used: also those that no column owns. */
const READ = `
SELECT schemaname AS schema, sequencename AS name, last_value AS last, cache_size AS cache,
       has_sequence_privilege(format('%I.%I', schemaname, sequencename), 'SELECT')::text AS readable
FROM pg_sequences JOIN pg_namespace n ON n.nspname = schemaname
WHERE schemaname <> ${OURS} AND schemaname NOT LIKE 'pg\\_temp\\_%' AND NOT ${leftOut("n")}`;

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

function nameOf(row: Row): string {
  return qualified(field(row, "schema"), field(row, "name"));
}

/** Values that are left out where no column tells how far a sequence has come on the other side. */
const LEAP = 100_000;

/** Each sequence with the columns it fills: those that own it, and those whose default asks it. */
const FILLED = `
SELECT n.nspname AS schema, s.relname AS name, q.increment_by AS step, q.min_value AS least, q.max_value AS most,
       coalesce(q.last_value, q.start_value) AS last, t.relname AS table, tn.nspname AS table_schema, a.attname AS column
FROM pg_class s JOIN pg_namespace n ON n.oid = s.relnamespace
JOIN pg_sequences q ON q.schemaname = n.nspname AND q.sequencename = s.relname
LEFT JOIN (
  SELECT objid AS sequence, refobjid AS relation, refobjsubid AS number FROM pg_depend
  WHERE classid = 'pg_class'::regclass AND refclassid = 'pg_class'::regclass AND refobjsubid > 0 AND deptype IN ('a', 'i')
  UNION
  SELECT d.refobjid, f.adrelid, f.adnum FROM pg_depend d JOIN pg_attrdef f ON d.classid = 'pg_attrdef'::regclass AND f.oid = d.objid
  WHERE d.refclassid = 'pg_class'::regclass
) filled ON filled.sequence = s.oid
LEFT JOIN pg_class t ON t.oid = filled.relation LEFT JOIN pg_namespace tn ON tn.oid = t.relnamespace
LEFT JOIN pg_attribute a ON a.attrelid = filled.relation AND a.attnum = filled.number
WHERE s.relkind = 'S' AND n.nspname <> ${OURS} AND n.nspname NOT LIKE 'pg\\_temp\\_%'`;

/**
 * Puts every sequence past the rows that are there, where the other side can no longer be asked. One that fills no column known to
 * the server leaps: nothing tells how far it had come.
 */
export async function advancePastRows(database: Database): Promise<void> {
  for (const row of await database.query(FILLED)) {
    const forward = BigInt(field(row, "step")) > 0n;
    const last = BigInt(field(row, "last"));
    const reached = await furthest(database, row, forward);
    const wanted = reached ?? last + BigInt(field(row, "step")) * BigInt(LEAP);
    const ahead = forward ? wanted > last : wanted < last;
    if (!ahead) continue;
    const limit = BigInt(field(row, forward ? "most" : "least"));
    const value = forward ? (wanted < limit ? wanted : limit) : wanted > limit ? wanted : limit;
    await database.query("SELECT setval($1::regclass, $2::bigint)", [nameOf(row), String(value)]);
  }
}

/** @returns undefined where the sequence fills no column */
async function furthest(database: Database, row: Row, forward: boolean): Promise<bigint | undefined> {
  if (row.table === null) return undefined;
  const column = identifier(field(row, "column"));
  const table = qualified(field(row, "table_schema"), field(row, "table"));
  const found = await database.one(`SELECT ${forward ? "max" : "min"}(${column})::bigint AS value FROM ${table}`);
  return BigInt(found.value ?? field(row, "last"));
}
