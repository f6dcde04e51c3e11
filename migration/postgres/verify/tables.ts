import type { Database } from "../database.ts";
import { identifier, literal, qualified } from "../names.ts";
import { ofApplication } from "../scope.ts";

/** A table that has rows of its own: partitions each for themselves, their roots not at all. */
export interface ComparedTable {
  name: string;
  columns: string[];
  /** What tells its rows apart; the whole row where nothing does. */
  keys: string[];
  /** Blocks of its own rows, without what is stored beside them. */
  blocks: number;
  /** With what is stored beside the rows, without indexes. */
  bytes: number;
}

const TABLES = `
SELECT n.nspname AS schema, c.relname AS name, pg_table_size(c.oid) AS bytes,
       pg_relation_size(c.oid) / current_setting('block_size')::int AS blocks,
       ARRAY(SELECT a.attname FROM pg_attribute a
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum)::text AS columns,
       ARRAY(SELECT a.attname FROM pg_index i CROSS JOIN unnest(i.indkey) WITH ORDINALITY AS k(number, place)
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number
             WHERE i.indrelid = c.oid AND k.place <= i.indnkeyatts
               AND CASE WHEN c.relreplident = 'i' THEN i.indisreplident ELSE i.indisprimary END ORDER BY k.place)::text AS keys
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND ${ofApplication("c.oid", "pg_class", "n")}
ORDER BY pg_table_size(c.oid) DESC, 1, 2`;

/** Every table with rows, the largest first. */
export async function comparedTables(session: Database): Promise<ComparedTable[]> {
  return (await session.query(TABLES)).map((row) => {
    const columns = names(row.columns);
    const keys = names(row.keys);
    return {
      name: qualified(String(row.schema), String(row.name)),
      columns,
      keys: keys.length > 0 ? keys : columns,
      blocks: Number(row.blocks),
      bytes: Number(row.bytes),
    };
  });
}

/** Reads an array of names as PostgreSQL writes it. */
function names(array: string | null | undefined): string[] {
  const elements = (array ?? "{}").slice(1, -1).match(/"(?:[^"\\]|\\.)*"|[^,]+/g) ?? [];
  return elements.map((element) => (element.startsWith('"') ? element.slice(1, -1).replace(/\\(.)/g, "$1") : element));
}

/** The text of a row of `t`; the same columns in the same order on both sides, whatever their order there. */
export function rowText(columns: readonly string[]): string {
  return `ROW(${columns.map((column) => `t.${identifier(column)}`).join(", ")})::text COLLATE "C"`;
}

/** The key of a row of `t` for people: `id=7, line=2`. */
export function keyText({ keys }: ComparedTable): string {
  const parts = keys.map((key) => `${literal(`${key}=`)} || coalesce(t.${identifier(key)}::text, 'NULL')`);
  return `concat_ws(', ', ${parts.join(", ")})`;
}
