import { type Database, field } from "./database.ts";
import { literal, SCHEMA } from "./names.ts";

/**
 * Schemas a managed service keeps its own things in: those of Supabase. A name alone leaves nothing out; it must belong to another
 * role as well (`leftOut`). A schema of somebody else that is not named here blocks the move, so that nothing is missing by mistake.
 */
const OF_SERVICES = [
  ...["auth", "storage", "realtime", "_realtime", "vault", "graphql", "graphql_public", "pgbouncer"],
  ...["pgsodium", "pgsodium_masks", "supabase_functions", "supabase_migrations", "_analytics"],
].map((name) => literal(name));

/**
 * True of a schema that belongs to the service a database is rented from: known by its name, and not this role's. Nothing in it is
 * copied, fenced or compared; `inspect` names each of them. A superuser has every schema, so to one nothing is left out.
 */
export function leftOut(namespace: string): string {
  return `(${namespace}.nspname IN (${OF_SERVICES.join(", ")}) AND NOT pg_has_role(${namespace}.nspowner, 'USAGE'))`;
}

/** True of an object that belongs to nobody but the application: nothing of the system's, of an extension, of a service, or of ours. */
export function ofApplication(oid: string, catalog: string, namespace: string): string {
  return `
  ${namespace}.nspname NOT IN ('pg_catalog', 'information_schema', ${literal(SCHEMA)}) AND NOT ${leftOut(namespace)}
  AND ${namespace}.nspname NOT LIKE 'pg\\_toast%' AND ${namespace}.nspname NOT LIKE 'pg\\_temp\\_%'
  AND NOT EXISTS (SELECT FROM pg_depend d
    WHERE d.classid = '${catalog}'::regclass AND d.objid = ${oid} AND d.deptype = 'e')`;
}

/** What `pg_dump` must leave out, by name. */
export interface LeftOut {
  schemas: string[];
  extensions: string[];
  eventTriggers: string[];
}

export async function readLeftOut(database: Database): Promise<LeftOut> {
  const names = async (sql: string) => (await database.query(sql)).map((row) => field(row, "name"));
  return {
    schemas: await names(`SELECT n.nspname AS name FROM pg_namespace n WHERE ${leftOut("n")} ORDER BY 1`),
    extensions: await names(`SELECT e.extname AS name FROM pg_extension e WHERE ${leftOutExtension("e")} ORDER BY 1`),
    eventTriggers: await names(
      `SELECT e.evtname AS name FROM pg_event_trigger e WHERE ${leftOutEventTrigger("e")} ORDER BY 1`,
    ),
  };
}

/** True of an extension the service keeps for itself: in a schema that is left out, and another role's. */
export function leftOutExtension(extension: string): string {
  return `(NOT pg_has_role(${extension}.extowner, 'USAGE') AND EXISTS (SELECT FROM pg_namespace n
    WHERE n.oid = ${extension}.extnamespace AND ${leftOut("n")}))`;
}

/**
 * True of an event trigger the service keeps for itself: it belongs to a role that has a schema which is left out, and calls no function
 * of this role. Somebody else's is not left out: nobody could say what is missing without it.
 */
export function leftOutEventTrigger(trigger: string): string {
  return `(NOT pg_has_role(${trigger}.evtowner, 'USAGE')
    AND EXISTS (SELECT FROM pg_namespace n WHERE n.nspowner = ${trigger}.evtowner AND ${leftOut("n")})
    AND NOT EXISTS (SELECT FROM pg_proc p WHERE p.oid = ${trigger}.evtfoid AND pg_has_role(p.proowner, 'USAGE')))`;
}
