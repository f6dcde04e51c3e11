import { identifier, SCHEMA } from "../names.ts";
import { ofApplication } from "../scope.ts";
import { type Check, question } from "./check.ts";

const RELATION = "format('%I.%I', n.nspname, c.relname)";
const RELATIONS = `pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND ${ofApplication("c.oid", "pg_class", "n")}`;
const list = (what: string) => `string_agg(${what}, ', ' ORDER BY ${what})`;

/** A unique index that could tell rows apart: of all rows, at once, and of columns that are never null. */
const USABLE_INDEX = `
  SELECT i.indexrelid::regclass::text FROM pg_index i
  WHERE i.indrelid = c.oid AND i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
    AND NOT EXISTS (SELECT FROM unnest(i.indkey) k JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k AND NOT a.attnotnull)
  LIMIT 1`;

/** What the tables of the source hold, and which step carries it. */
export const tableChecks: Check[] = [
  question(
    "tables",
    "blue",
    `SELECT count(*) AS tables, pg_size_pretty(sum(pg_total_relation_size(c.oid))) AS size FROM ${RELATIONS} WHERE c.relkind = 'r'`,
    ({ tables, size }) => ({
      level: "carried",
      what: `${tables} tables, ${size ?? "0 bytes"} with indexes`,
      remedy: "",
    }),
  ),
  question(
    "no-key",
    "blue",
    `SELECT ${RELATION} AS name, (${USABLE_INDEX}) AS index,
       EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary) AS has_key FROM ${RELATIONS}
     WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND (c.relreplident = 'n' OR c.relreplident = 'd'
       AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)) ORDER BY 1`,
    ({ name, index, has_key }) => ({
      level: "setting",
      what: "no primary key and no replica identity: its updates and deletes would be refused once it is published",
      remedy: `ALTER TABLE ${name} REPLICA IDENTITY ${has_key === "t" ? "DEFAULT" : index === null ? "FULL" : `USING INDEX ${index?.split(".").at(-1)}`};`,
    }),
  ),
  question(
    "full-identity",
    "blue",
    `SELECT ${RELATION} AS name, c.reltuples FROM ${RELATIONS}
     WHERE c.relkind = 'r' AND c.relreplident = 'f' AND c.reltuples > 100000 ORDER BY 1`,
    ({ reltuples }) => ({
      level: "info",
      what: `REPLICA IDENTITY FULL with about ${Math.round(Number(reltuples))} rows: each update or delete searches the whole table on the other side`,
      remedy: "give it a primary key if it is updated often",
    }),
  ),
  question(
    "unlogged",
    "blue",
    `SELECT ${RELATION} AS name FROM ${RELATIONS} WHERE c.relkind = 'r' AND c.relpersistence = 'u' ORDER BY 1`,
    ({ name }) => ({
      level: "setting",
      what: "unlogged: its rows are not in the log and will not be on green",
      remedy: `ALTER TABLE ${name} SET LOGGED; or leave it, where it may start empty`,
    }),
  ),
  question(
    "triggers-always",
    "blue",
    `SELECT ${RELATION} AS name, t.tgname, t.tgenabled FROM pg_trigger t JOIN ${RELATIONS} ON c.oid = t.tgrelid
     WHERE NOT t.tgisinternal AND t.tgenabled IN ('A', 'R') ORDER BY 1, 2`,
    ({ name, tgname, tgenabled }) => ({
      level: "setting",
      what: `trigger ${tgname} is ENABLE ${tgenabled === "A" ? "ALWAYS" : "REPLICA"}: it would fire for carried rows as well, and do its work twice`,
      remedy: `ALTER TABLE ${name} ENABLE TRIGGER ${identifier(String(tgname))};`,
    }),
  ),
  question(
    "rules-always",
    "blue",
    `SELECT ${RELATION} AS name, r.rulename FROM pg_rewrite r JOIN ${RELATIONS} ON c.oid = r.ev_class
     WHERE r.ev_enabled IN ('A', 'R') AND c.relkind IN ('r', 'p') ORDER BY 1`,
    ({ name, rulename }) => ({
      level: "setting",
      what: `rule ${rulename} would change carried rows as well`,
      remedy: `ALTER TABLE ${name} ENABLE RULE ${identifier(String(rulename))};`,
    }),
  ),
  question(
    "row-security",
    "blue",
    `SELECT ${RELATION} AS name FROM ${RELATIONS} WHERE c.relkind IN ('r', 'p') AND row_security_active(c.oid) ORDER BY 1`,
    () => ({
      level: "blocks",
      what: "row security hides rows of it from this role: they would be missing on green without a word",
      remedy: "ALTER ROLE CURRENT_USER BYPASSRLS; by a role that may",
    }),
  ),
  question(
    "not-readable",
    "blue",
    `SELECT ${RELATION} AS name FROM ${RELATIONS} WHERE c.relkind = 'r'
       AND NOT (has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')) ORDER BY 1`,
    ({ name }) => ({
      level: "blocks",
      what: "this role may not read it",
      remedy: `GRANT SELECT ON ${name} TO CURRENT_USER; with USAGE on its schema`,
    }),
  ),
  question(
    "not-owned",
    "blue",
    `SELECT ${RELATION} AS name, pg_get_userbyid(c.relowner) AS owner FROM ${RELATIONS}
     WHERE c.relkind IN ('r', 'p') AND NOT pg_has_role(c.relowner, 'USAGE') ORDER BY 1`,
    ({ owner }) => ({
      level: "blocks",
      what: `it belongs to ${owner}: this role may neither publish nor fence it`,
      remedy: `GRANT ${identifier(String(owner))} TO CURRENT_USER; where the provider allows it`,
    }),
  ),
  question(
    "large-objects",
    "blue",
    "SELECT count(*) FROM pg_largeobject_metadata HAVING count(*) > 0",
    ({ count }) => ({
      level: "blocks",
      what: `${count} large objects: replication does not carry them`,
      remedy: "move them into a column of type bytea, or delete orphans with vacuumlo",
    }),
  ),
  question(
    "sequences",
    "blue",
    `SELECT count(*) FROM ${RELATIONS} WHERE c.relkind = 'S' HAVING count(*) > 0`,
    ({ count }) => ({
      level: "carried",
      what: `${count} sequences: the flip sets them, with room for what was handed out`,
      remedy: "",
    }),
  ),
  question(
    "generated-columns",
    "blue",
    `SELECT count(*) FILTER (WHERE a.attgenerated <> '') AS generated, count(*) FILTER (WHERE a.attidentity <> '') AS identity
     FROM pg_attribute a JOIN ${RELATIONS} ON c.oid = a.attrelid
     WHERE c.relkind IN ('r', 'p') AND NOT a.attisdropped AND (a.attgenerated <> '' OR a.attidentity <> '') HAVING count(*) > 0`,
    ({ generated, identity }) => ({
      level: "carried",
      what: `${generated} generated and ${identity} identity columns: green computes the ones, and takes the others as they are`,
      remedy: "",
    }),
  ),
  question(
    "partitions",
    "blue",
    `SELECT count(*) FROM ${RELATIONS} WHERE c.relkind = 'p' HAVING count(*) > 0`,
    ({ count }) => ({ level: "carried", what: `${count} partitioned tables: published by their roots`, remedy: "" }),
  ),
  question(
    "inheritance",
    "blue",
    `SELECT ${list(RELATION)} AS name FROM ${RELATIONS} WHERE c.relkind = 'r' AND NOT c.relispartition
       AND EXISTS (SELECT FROM pg_inherits h WHERE h.inhrelid = c.oid) HAVING count(*) > 0`,
    () => ({ level: "carried", what: "tables that inherit: each is carried for itself", remedy: "" }),
  ),
  question(
    "materialized-views",
    "blue",
    `SELECT ${list(RELATION)} AS name FROM ${RELATIONS} WHERE c.relkind = 'm' HAVING count(*) > 0`,
    () => ({
      level: "carried",
      what: "materialised views: filled on green after the copy, and refreshed by whoever does that today",
      remedy: "",
    }),
  ),
  question(
    "foreign-tables",
    "blue",
    `SELECT ${list(RELATION)} AS name FROM ${RELATIONS} WHERE c.relkind = 'f' HAVING count(*) > 0`,
    () => ({
      level: "info",
      what: "foreign tables: defined on green as here; their rows stay where they are",
      remedy: "see that green reaches that server",
    }),
  ),
  question("cron-jobs", "blue", "SELECT 1 AS n FROM pg_extension WHERE extname = 'pg_cron'", () => ({
    level: "info",
    what: "pg_cron is installed: its jobs are not carried",
    remedy: "list them with SELECT * FROM cron.job; and make them on green after the switch",
  })),
  question(
    "our-schema",
    "blue",
    `SELECT 1 AS n FROM pg_namespace WHERE nspname = '${SCHEMA}' AND NOT pg_has_role(nspowner, 'USAGE')`,
    () => ({
      level: "blocks",
      what: `a schema ${SCHEMA} is there and belongs to somebody else`,
      remedy: `DROP SCHEMA ${SCHEMA} CASCADE; if nobody needs it`,
    }),
  ),
];
