import type { Database } from "../database.ts";
import { SCHEMA } from "../names.ts";
import { leftOutExtension, ofApplication } from "../scope.ts";

/** Something one side has and the other has not, or has otherwise. */
export interface StructureDifference {
  kind: string;
  name: string;
  blue: string | undefined;
  green: string | undefined;
}

/** Two lists of the same things: `kind`, `name`, and what is compared of it. */
export type Structure = Map<string, { kind: string; name: string; definition: string }>;

const RELATION = "format('%I.%I', n.nspname, c.relname)";
const RELATIONS = `pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND ${ofApplication("c.oid", "pg_class", "n")}`;

/**
 * Texts that a server writes from what it has parsed, such as the query of a view, are worded differently by other majors; of those
 * only same majors are compared.
 */
const PARTS = (sameMajor: boolean) => [
  `SELECT 'column', ${RELATION} || '.' || quote_ident(a.attname), concat_ws(' ', format_type(a.atttypid, a.atttypmod),
     CASE WHEN a.attnotnull THEN 'not null' END, nullif(a.attidentity, ''), nullif(a.attgenerated, ''),
     (SELECT 'collate ' || o.collname FROM pg_collation o JOIN pg_type t ON t.oid = a.atttypid
      WHERE o.oid = a.attcollation AND a.attcollation <> t.typcollation)${sameMajor ? ", 'default ' || pg_get_expr(e.adbin, e.adrelid)" : ", 'default' || left(e.adbin, 0)"})
   FROM pg_attribute a JOIN ${RELATIONS} ON c.oid = a.attrelid LEFT JOIN pg_attrdef e ON e.adrelid = c.oid AND e.adnum = a.attnum
   WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm')`,
  `SELECT 'index', ${RELATION}, pg_get_indexdef(c.oid) || CASE WHEN i.indisvalid THEN '' ELSE ' (not valid)' END
   FROM pg_index i JOIN ${RELATIONS} ON c.oid = i.indexrelid`,
  // 18 lists NOT NULL as constraints; every major has it among the columns.
  `SELECT 'constraint', ${RELATION} || ' ' || quote_ident(k.conname), pg_get_constraintdef(k.oid)
   FROM pg_constraint k JOIN ${RELATIONS} ON c.oid = k.conrelid WHERE k.contype NOT IN ('n', 't')`,
  `SELECT CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' ELSE 'table' END, ${RELATION},
     ${sameMajor ? "coalesce(pg_get_viewdef(c.oid), '')" : "''"} || CASE WHEN c.relrowsecurity THEN ' row security' ELSE '' END
   FROM ${RELATIONS} WHERE c.relkind IN ('r', 'p', 'v', 'm')`,
  `SELECT 'trigger', ${RELATION} || ' ' || quote_ident(t.tgname), pg_get_triggerdef(t.oid) || ' ' || t.tgenabled::text
   FROM pg_trigger t JOIN ${RELATIONS} ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
   WHERE NOT t.tgisinternal AND p.pronamespace IS DISTINCT FROM (SELECT oid FROM pg_namespace WHERE nspname = '${SCHEMA}')`,
  `SELECT 'policy', ${RELATION} || ' ' || quote_ident(p.polname), concat_ws(' ', p.polcmd::text, p.polpermissive::text)
   FROM pg_policy p JOIN ${RELATIONS} ON c.oid = p.polrelid`,
  // 17 has a right the others do not know, and ALL means it as well there.
  `SELECT 'grant', ${RELATION}, string_agg(format('%s to %s', a.privilege_type, g.name), ', ' ORDER BY g.name COLLATE "C", a.privilege_type)
   FROM ${RELATIONS} CROSS JOIN aclexplode(c.relacl) a
     CROSS JOIN LATERAL (SELECT CASE a.grantee WHEN 0 THEN 'public' ELSE pg_get_userbyid(a.grantee)::text END) AS g(name)
   WHERE a.grantee <> c.relowner AND c.relkind IN ('r', 'p', 'v', 'm', 'S') ${sameMajor ? "" : "AND a.privilege_type <> 'MAINTAIN'"}
   GROUP BY n.nspname, c.relname`,
  `SELECT 'sequence', ${RELATION}, format('%s by %s from %s to %s', format_type(s.seqtypid, NULL), s.seqincrement, s.seqmin, s.seqmax)
   FROM pg_sequence s JOIN ${RELATIONS} ON c.oid = s.seqrelid`,
  `SELECT 'function', format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)),
     coalesce(md5(p.prosrc), '') || ' ' || p.provolatile::text || p.prosecdef::text
   FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace AND ${ofApplication("p.oid", "pg_proc", "n")}`,
  `SELECT 'type', format('%I.%I', n.nspname, t.typname), concat_ws(' ', t.typtype::text,
     (SELECT string_agg(quote_literal(e.enumlabel), ',' ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid))
   FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace AND ${ofApplication("t.oid", "pg_type", "n")}
   WHERE t.typtype IN ('e', 'd', 'r')`,
  // The version comes with the server.
  `SELECT 'extension', quote_ident(e.extname), '' FROM pg_extension e WHERE NOT ${leftOutExtension("e")}`,
];

/** @param leftOut schemas that are the service's on one side: what stands for them on the other is not compared either */
export async function structureOf(
  session: Database,
  sameMajor: boolean,
  leftOut: readonly string[] = [],
): Promise<Structure> {
  const structure: Structure = new Map();
  for (const part of PARTS(sameMajor)) {
    for (const row of await session.query(`SELECT * FROM (${part}) AS part(kind, name, definition)`)) {
      const [kind, name] = [String(row.kind), String(row.name)];
      if (leftOut.some((schema) => name.startsWith(`${schema}.`))) continue;
      structure.set(`${kind} ${name}`, { kind, name, definition: row.definition ?? "" });
    }
  }
  return structure;
}

/** Sorted by kind and name, so that two reports of the same state are the same. */
export function structureDifferences(blue: Structure, green: Structure): StructureDifference[] {
  return [...new Set([...blue.keys(), ...green.keys()])].sort().flatMap((key) => {
    const [one, two] = [blue.get(key), green.get(key)];
    const known = one ?? two;
    if (known === undefined || one?.definition === two?.definition) return [];
    return [{ kind: known.kind, name: known.name, blue: one?.definition, green: two?.definition }];
  });
}
