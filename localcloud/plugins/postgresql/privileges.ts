/** Which privileges there are, and which a role has. */
import type { Session } from "./client.ts";
import type { Wanted } from "./grant-inputs.ts";

/** Privileges by object type. */
export const ALLOWED: { readonly [objectType: string]: readonly string[] } = {
  database: ["ALL", "CREATE", "CONNECT", "TEMPORARY"],
  schema: ["ALL", "CREATE", "USAGE"],
  table: ["ALL", "SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN"],
  sequence: ["ALL", "USAGE", "SELECT", "UPDATE"],
  function: ["ALL", "EXECUTE"],
  procedure: ["ALL", "EXECUTE"],
  routine: ["ALL", "EXECUTE"],
  column: ["ALL", "SELECT", "INSERT", "UPDATE", "REFERENCES"],
};

export const OBJECT_KINDS = Object.keys(ALLOWED);

/** `ALL` means every privilege of the type; MAINTAIN came with PostgreSQL 17, so it may be missing. */
export function equalPrivileges(granted: readonly string[], wanted: readonly string[], objectType: string): boolean {
  const same = (one: readonly string[], other: readonly string[]) =>
    [...one].sort().join() === [...other].sort().join();
  if (same(granted, wanted)) return true;
  if (!wanted.includes("ALL")) return false;
  const all = (ALLOWED[objectType] ?? []).filter((one) => one !== "ALL");
  return same(granted, all) || same([...granted, "MAINTAIN"], all);
}

const GRANTEE = "COALESCE((SELECT oid FROM pg_catalog.pg_roles WHERE rolname = $1), 0)";
const TYPES = `ARRAY(SELECT DISTINCT privilege_type::text FROM aclexplode(%acl) WHERE grantee = ${GRANTEE}) AS types`;

function types(acl: string): string {
  return TYPES.replace("%acl", acl);
}

interface Row {
  name: string;
  types: string[];
  [column: string]: unknown;
}

/** Privileges of the role on each object the grant is about. */
export async function grantedOn(session: Session, wanted: Wanted): Promise<string[][]> {
  const rows = await session.query<Row>(...query(wanted));
  const objects = wanted.objects ?? [];
  const names = objects.map((name) => name.replace(/\(.*\)$/, ""));
  return rows.filter(({ name }) => names.length === 0 || names.includes(name)).map((row) => row.types);
}

function query({ role, database, schema, objectType, objects = [], columns = [] }: Wanted): [string, unknown[]] {
  switch (objectType) {
    case "database":
      return [
        `SELECT datname AS name, ${types("datacl")} FROM pg_catalog.pg_database WHERE datname = $2`,
        [role, database],
      ];
    case "schema":
      return [
        `SELECT nspname AS name, ${types("nspacl")} FROM pg_catalog.pg_namespace WHERE nspname = $2`,
        [role, schema],
      ];
    case "column":
      return [
        `SELECT c.relname AS name, ${types("a.attacl")} FROM pg_catalog.pg_attribute a
         JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = $2 AND c.relname = $3 AND a.attname = ANY($4) AND c.relkind IN ('r', 'p')`,
        [role, schema, objects[0] ?? "", columns],
      ];
    case "table":
    case "sequence":
      return [
        `SELECT c.relname AS name, ${types("c.relacl")} FROM pg_catalog.pg_class c
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $2 AND c.relkind = $3`,
        [role, schema, objectType === "table" ? "r" : "S"],
      ];
    default:
      return [
        `SELECT p.proname AS name, ${types("p.proacl")} FROM pg_catalog.pg_proc p
         JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = $2`,
        [role, schema],
      ];
  }
}
