import type { Finding } from "../../inspection.ts";
import type { Side } from "../../side.ts";
import type { Database } from "../database.ts";
import { leftOut, leftOutExtension } from "../scope.ts";
import { type Check, question } from "./check.ts";

const LEFT_OUT = `pg_namespace n JOIN pg_class c ON c.relnamespace = n.oid AND ${leftOut("n")}`;

/** What the source holds that no move touches, as it is the service's the database is rented from, and what of ours leans on it. */
export const leftOutChecks: Check[] = [
  question(
    "left-out",
    "blue",
    `SELECT n.nspname AS name, pg_get_userbyid(n.nspowner) AS owner, count(c.oid) AS tables
     FROM pg_namespace n LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relkind IN ('r', 'p')
     WHERE ${leftOut("n")} GROUP BY n.oid ORDER BY 1`,
    ({ owner, tables }) => ({
      level: "info",
      what: `left out: this schema is the service's and belongs to ${owner}; its ${tables} tables stay on blue, where they can be written at any time`,
      remedy: "what of it the application needs goes into a schema of its own before the copy",
    }),
  ),
  question(
    "left-out-extensions",
    "blue",
    `SELECT e.extname AS name, pg_get_userbyid(e.extowner) AS owner FROM pg_extension e WHERE ${leftOutExtension("e")} ORDER BY 1`,
    ({ owner }) => ({
      level: "info",
      what: `left out: this extension is the service's and belongs to ${owner}`,
      remedy: "",
    }),
  ),
  question(
    "own-in-left-out",
    "blue",
    `SELECT format('%I.%I', n.nspname, c.relname) AS name FROM ${LEFT_OUT}
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND pg_has_role(c.relowner, 'USAGE') ORDER BY 1`,
    ({ name }) => ({
      level: "blocks",
      what: "it belongs to this role and lies in a schema of the service, which is left out: it would be missing on green",
      remedy: `move it to a schema of the application, such as ALTER TABLE ${name} SET SCHEMA public;`,
    }),
  ),
  question(
    "left-out-triggers",
    "blue",
    `SELECT format('%I.%I', n.nspname, c.relname) AS name, t.tgname, t.tgfoid::regprocedure::text AS calls
     FROM ${LEFT_OUT} JOIN pg_trigger t ON t.tgrelid = c.oid JOIN pg_proc p ON p.oid = t.tgfoid
       JOIN pg_namespace f ON f.oid = p.pronamespace
     WHERE NOT t.tgisinternal AND f.nspname NOT IN ('pg_catalog') AND NOT ${leftOut("f")} ORDER BY 1, 2`,
    ({ tgname, calls }) => ({
      level: "info",
      what: `trigger ${tgname} calls ${calls} for rows of the service, and stays on blue: what it writes into carried tables is refused while green takes the writes`,
      remedy: "let the application on green do what it does",
    }),
  ),
  { id: "leans-on-left-out", side: "both", run: leaning },
];

/** In which schema everything is that can lean on something else. */
const PLACES = `
  SELECT 'pg_constraint'::regclass, k.oid, c.relnamespace FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
  UNION ALL SELECT 'pg_policy'::regclass, p.oid, c.relnamespace FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
  UNION ALL SELECT 'pg_rewrite'::regclass, r.oid, c.relnamespace FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
  UNION ALL SELECT 'pg_attrdef'::regclass, f.oid, c.relnamespace FROM pg_attrdef f JOIN pg_class c ON c.oid = f.adrelid
  UNION ALL SELECT 'pg_trigger'::regclass, t.oid, c.relnamespace FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
            WHERE NOT t.tgisinternal
  UNION ALL SELECT 'pg_class'::regclass, c.oid, c.relnamespace FROM pg_class c
  UNION ALL SELECT 'pg_proc'::regclass, p.oid, p.pronamespace FROM pg_proc p`;

/** What others can lean on; a row type goes by its table. */
const LEANT_ON = `
  SELECT 'pg_class'::regclass, c.oid, c.relnamespace, 'relation', format('%I.%I', n.nspname, c.relname)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
  UNION ALL SELECT 'pg_proc'::regclass, p.oid, p.pronamespace, 'function',
    format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid))
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
  UNION ALL SELECT 'pg_type'::regclass, t.oid, t.typnamespace, 'type', format('%I.%I', n.nspname, t.typname)
  FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace`;

const LEANING = `
  SELECT DISTINCT pg_describe_object(d.classid, d.objid, 0) AS name, r.kind, r.name AS needs,
    CASE WHEN k.contype = 'f' THEN format('ALTER TABLE %s DROP CONSTRAINT %I;', k.conrelid::regclass, k.conname) END AS drop
  FROM pg_depend d
    JOIN (${PLACES}) AS o(classid, oid, namespace) ON o.classid = d.classid AND o.oid = d.objid
    JOIN (${LEANT_ON}) AS r(classid, oid, namespace, kind, name) ON r.classid = d.refclassid AND r.oid = d.refobjid
    JOIN pg_namespace m ON m.oid = o.namespace AND NOT ${leftOut("m")} AND m.nspname NOT IN ('pg_catalog', 'pg_toast')
    JOIN pg_namespace n ON n.oid = r.namespace AND ${leftOut("n")}
    LEFT JOIN pg_constraint k ON d.classid = 'pg_constraint'::regclass AND k.oid = d.objid
  WHERE NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = d.classid AND e.objid = d.objid AND e.deptype = 'e')
  ORDER BY 1, 3`;

/** Policies, defaults, views and keys that name something of the service: without it they cannot be made on green. */
async function leaning(at: Record<Side, Database>): Promise<Omit<Finding, "id">[]> {
  const rows = await at.blue.query(LEANING);
  if (rows.length === 0) return [];
  const there = new Set(
    (
      await at.green.query(
        `SELECT kind || ' ' || name AS one FROM (${LEANT_ON}) AS r(classid, oid, namespace, kind, name)`,
      )
    ).map(({ one }) => one),
  );
  return rows
    .filter(({ kind, needs }) => !there.has(`${kind} ${needs}`))
    .map(({ name, kind, needs, drop }) => ({
      level: "setting",
      what: `needs the ${kind} ${needs}, which is the service's and left out: without it this cannot be made on green`,
      where: String(name),
      remedy: drop ?? `make the ${kind} ${needs} on green before the copy, or drop this on blue`,
    }));
}
