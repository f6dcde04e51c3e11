import { literal, SCHEMA } from "./names.ts";

/** True of an object that belongs to nobody but the application: nothing of the system's, of an extension, or of ours. */
export function ofApplication(oid: string, catalog: string, namespace: string): string {
  return `
  ${namespace}.nspname NOT IN ('pg_catalog', 'information_schema', ${literal(SCHEMA)})
  AND ${namespace}.nspname NOT LIKE 'pg\\_toast%' AND ${namespace}.nspname NOT LIKE 'pg\\_temp\\_%'
  AND NOT EXISTS (SELECT FROM pg_depend d
    WHERE d.classid = '${catalog}'::regclass AND d.objid = ${oid} AND d.deptype = 'e')`;
}
