import { createHash } from "node:crypto";
import { type Database, field, type Row } from "./database.ts";
import { qualified } from "./names.ts";
import { ofApplication } from "./scope.ts";

/** How a row of a table is told from the others when it is changed or deleted. */
export type Identity = "key" | "full" | "none";

export interface Table {
  schema: string;
  name: string;
  /** A root has no rows of its own; a leaf is a partition of one; everything else is plain. */
  kind: "plain" | "root" | "leaf";
  /** Unlogged tables are fenced as well, and never carried. */
  logged: boolean;
  identity: Identity;
}

export interface Sequence {
  schema: string;
  name: string;
}

/** What a database has that a move is about, in sorted order: nothing of the system's, of extensions, or of ours. */
export interface Catalog {
  tables: Table[];
  sequences: Sequence[];
  /** Of columns, types and keys of all carried tables; equal on both sides from the copy to the end of the way back. */
  shape: string;
}

const TABLES = `
SELECT n.nspname AS schema, c.relname AS name, (c.relpersistence = 'p')::text AS logged,
       CASE WHEN c.relkind = 'p' THEN 'root' WHEN c.relispartition THEN 'leaf' ELSE 'plain' END AS kind,
       CASE WHEN c.relkind = 'p' OR c.relreplident IN ('d', 'i') AND EXISTS (SELECT FROM pg_index i
                   WHERE i.indrelid = c.oid AND i.indisvalid
                     AND CASE c.relreplident WHEN 'd' THEN i.indisprimary ELSE i.indisreplident END) THEN 'key'
            WHEN c.relreplident = 'f' THEN 'full' ELSE 'none' END AS identity
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND c.relpersistence IN ('p', 'u') AND ${ofApplication("c.oid", "pg_class", "n")}
ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"`;

const SEQUENCES = `
SELECT n.nspname AS schema, c.relname AS name
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'S' AND c.relpersistence = 'p' AND ${ofApplication("c.oid", "pg_class", "n")}
ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"`;

const COLUMNS = `
SELECT concat_ws(' ', quote_ident(n.nspname), quote_ident(c.relname), c.relkind, quote_ident(a.attname),
                 format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated) AS line
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p') AND c.relpersistence = 'p'
  AND ${ofApplication("c.oid", "pg_class", "n")}
UNION ALL
SELECT concat_ws(' ', quote_ident(n.nspname), quote_ident(c.relname), i.indisprimary, i.indisunique,
                 array_to_string(ARRAY(SELECT pg_get_indexdef(i.indexrelid, k, true) FROM generate_series(1, i.indnkeyatts) k), ','))
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE (i.indisprimary OR i.indisunique) AND c.relkind IN ('r', 'p') AND c.relpersistence = 'p'
  AND ${ofApplication("c.oid", "pg_class", "n")}`;

export async function readCatalog(database: Database): Promise<Catalog> {
  const tables = await database.query(TABLES);
  const sequences = await database.query(SEQUENCES);
  const columns = await database.query(COLUMNS);
  const lines = columns.map((row) => field(row, "line")).sort();
  return {
    tables: tables.map(asTable),
    sequences: sequences.map((row) => ({ schema: field(row, "schema"), name: field(row, "name") })),
    shape: createHash("sha256").update(lines.join("\n")).digest("hex"),
  };
}

function asTable(row: Row): Table {
  const kind = field(row, "kind");
  const identity = field(row, "identity");
  return {
    schema: field(row, "schema"),
    name: field(row, "name"),
    kind: kind === "root" || kind === "leaf" ? kind : "plain",
    logged: field(row, "logged") === "true",
    identity: identity === "key" || identity === "full" ? identity : "none",
  };
}

/** Tables as a publication names them: roots stand for their leaves, and a parent of old-style inheritance only for itself. */
export function published({ tables }: Catalog): string[] {
  return tables
    .filter(({ kind, logged }) => logged && kind !== "leaf")
    .map(({ kind, schema, name }) => `${kind === "plain" ? "ONLY " : ""}${qualified(schema, name)}`);
}

/**
 * @throws Error with the statements to run, where a carried table would refuse its own updates once it is published: that would hit
 * the application at once
 */
export function requireIdentities(catalog: Catalog, side: string): void {
  const without = catalog.tables.filter(
    ({ kind, logged, identity }) => logged && kind !== "root" && identity === "none",
  );
  if (without.length === 0) return;
  const statements = without.map(({ schema, name }) => `ALTER TABLE ${qualified(schema, name)} REPLICA IDENTITY FULL;`);
  throw new Error(
    `${without.length} table(s) of ${side} have no primary key and no replica identity, so changes of their rows could not be ` +
      `carried. Give each a key, or run:\n${statements.join("\n")}`,
  );
}
