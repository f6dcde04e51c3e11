import { type Database, field } from "./database.ts";
import { SCHEMA } from "./names.ts";

/** Statements that change what is carried: nothing brings them to the other side. */
const TAGS = [
  ...["CREATE TABLE", "ALTER TABLE", "CREATE TABLE AS", "SELECT INTO", "IMPORT FOREIGN SCHEMA"],
  ...["CREATE SEQUENCE", "ALTER SEQUENCE", "CREATE TRIGGER", "ALTER TRIGGER", "CREATE RULE"],
  ...["CREATE TYPE", "ALTER TYPE", "CREATE DOMAIN", "ALTER DOMAIN", "CREATE SCHEMA", "ALTER SCHEMA"],
];
const DROPPED = ["table", "table column", "sequence", "trigger", "rule", "type", "domain", "schema"];

const list = (words: string[]) => words.map((word) => `'${word}'`).join(", ");

/** Temporary tables are the session's own affair; what an operator of ours does says so (`lock.ts`). */
const GUARD = `
CREATE OR REPLACE FUNCTION ${SCHEMA}.guard() RETURNS event_trigger LANGUAGE plpgsql AS $guard$
DECLARE
  what text;
BEGIN
  IF current_setting('${SCHEMA}.operator', true) = 'on' THEN RETURN; END IF;
  IF tg_event = 'sql_drop' THEN
    SELECT object_identity INTO what FROM pg_event_trigger_dropped_objects()
      WHERE original AND NOT is_temporary AND object_type IN (${list(DROPPED)}) LIMIT 1;
  ELSE
    SELECT object_identity INTO what FROM pg_event_trigger_ddl_commands()
      WHERE schema_name IS DISTINCT FROM 'pg_temp' AND NOT in_extension LIMIT 1;
  END IF;
  IF what IS NULL THEN RETURN; END IF;
  RAISE LOG 'bascule: refused % on %', tg_tag, what;
  RAISE EXCEPTION 'bascule: % on % would be missing on the other side; change the schema before the move or after it', tg_tag, what
    USING ERRCODE = '25006';
END $guard$`;

/**
 * Refuses changes of the schema while a move lasts, where this role may make event triggers.
 * @returns whether it could; otherwise only the comparison of both shapes before a flip notices
 */
export async function installGuard(database: Database): Promise<boolean> {
  await database.query(GUARD);
  const present = await database.query("SELECT FROM pg_event_trigger WHERE evtname LIKE 'bascule_guard%'");
  if (present.length > 0) return true;
  const role = await database.one("SELECT rolsuper::text AS super FROM pg_roles WHERE rolname = current_user");
  if (field(role, "super") !== "true") return false;
  await database.query(
    `CREATE EVENT TRIGGER bascule_guard_changes ON ddl_command_end WHEN TAG IN (${list(TAGS)})
       EXECUTE FUNCTION ${SCHEMA}.guard();
     CREATE EVENT TRIGGER bascule_guard_drops ON sql_drop EXECUTE FUNCTION ${SCHEMA}.guard()`,
  );
  return true;
}

/** Lets the schema change again: after the way back was given up. */
export async function removeGuard(database: Database): Promise<void> {
  await database.query(
    "DROP EVENT TRIGGER IF EXISTS bascule_guard_changes; DROP EVENT TRIGGER IF EXISTS bascule_guard_drops",
  );
}
