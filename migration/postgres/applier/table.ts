import type { Database } from "../database.ts";
import { qualified } from "../names.ts";
import { ApplyError } from "./apply-error.ts";
import type { Relation } from "./pgoutput.ts";

/** A column as the target has it. */
export interface TargetColumn {
  name: string;
  /** Its type as SQL takes it, with its schema. */
  type: string;
  /** Its place in the rows of the source. */
  index: number;
  /** Part of the key; there is none with REPLICA IDENTITY FULL. */
  key: boolean;
  /** GENERATED ALWAYS AS IDENTITY: SQL lets nobody assign to it in an UPDATE. */
  identityAlways: boolean;
  /** An array of its type can carry the values; one of arrays, of rows, or of a type with its own separator cannot. */
  inArray: boolean;
  /** The operator that says which of its values are equal, wherever an extension put it; JSON and XML have none. */
  equals: string | undefined;
}

export interface TargetTable {
  relation: Relation;
  name: string;
  columns: TargetColumn[];
  keys: TargetColumn[];
  /** Beside its key other values must be unique: then the order of updates matters, as one row may take what another gave up. */
  otherUnique: boolean;
}

const COLUMNS = `
  SELECT a.attname AS name, format_type(a.atttypid, -1) AS type, a.attgenerated <> '' AS generated,
    a.attidentity = 'a' AS identity_always,
    t.typarray <> 0 AND t.typdelim = ',' AND NOT (t.typcategory = 'A' AND t.typtype = 'b') AND NOT EXISTS (
      SELECT FROM pg_type c WHERE c.oid IN (t.oid, t.typbasetype) AND c.typtype = 'c') AS in_array,
    coalesce(
      (SELECT format('OPERATOR(%I.%s)', n.nspname, o.oprname)
       FROM pg_opclass c JOIN pg_am m ON m.oid = c.opcmethod AND m.amname = 'btree'
         JOIN pg_amop p ON p.amopfamily = c.opcfamily AND p.amopstrategy = 3
           AND p.amoplefttype = c.opcintype AND p.amoprighttype = c.opcintype
         JOIN pg_operator o ON o.oid = p.amopopr JOIN pg_namespace n ON n.oid = o.oprnamespace
       WHERE c.opcdefault AND c.opcintype = CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END LIMIT 1),
      CASE WHEN t.typcategory IN ('A', 'C', 'E', 'I', 'R', 'S') THEN 'OPERATOR(pg_catalog.=)' END) AS equals
  FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
  WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped`;

/** Looks up what changes of a table of the source need to know of the table of that name on the target. */
export async function targetTable(target: Database, relation: Relation): Promise<TargetTable> {
  const name = qualified(relation.schema, relation.name);
  const { oid } = await target.one("SELECT to_regclass($1)::oid AS oid", [name]);
  if (oid === null || oid === undefined)
    throw new ApplyError(
      `${target.side} has no table ${name}, and the other side changes it. Create it there as it is here, then start the applier again`,
    );
  const found = new Map((await target.query(COLUMNS, [oid])).map((row) => [row.name, row]));
  const columns = relation.columns.flatMap(({ name: column, key }, index): TargetColumn[] => {
    const row = found.get(column);
    if (row === undefined)
      throw new ApplyError(
        `${target.side}'s table ${name} has no column "${column}", and the other side writes it. Add it there, then start the applier again`,
      );
    if (row.generated === "t") return [];
    return [
      {
        name: column,
        type: String(row.type),
        index,
        key: key && !relation.full,
        identityAlways: row.identity_always === "t",
        inArray: row.in_array === "t",
        equals: row.equals ?? undefined,
      },
    ];
  });
  const { count } = await target.one(
    `SELECT count(*) FROM pg_index WHERE indrelid = $1::oid AND (indisunique OR indisexclusion)`,
    [oid],
  );
  const keys = columns.filter(({ key }) => key);
  return { relation, name, columns, keys, otherUnique: Number(count) > (keys.length > 0 ? 1 : 0) };
}
