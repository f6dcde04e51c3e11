/** Privileges on objects that do not exist yet. */
import { type Context, type InputsOf, resource } from "../define.ts";
import type { Properties } from "../values.ts";
import { identifier, type Postgres, type Session } from "./client.ts";
import { grantee, stands } from "./grant.ts";
import { ALLOWED, equalPrivileges } from "./privileges.ts";

const inputs = {
  role: { type: "string", required: true, replace: true },
  database: { type: "string", required: true, replace: true },
  owner: { type: "string", required: true, replace: true },
  schema: { type: "string", replace: true },
  objectType: { type: "string", required: true, replace: true },
  privileges: { type: { set: "string" }, required: true },
  withGrantOption: { type: "boolean", default: false, replace: true },
} as const;

type Wanted = InputsOf<typeof inputs>;

/** Letters of the catalogue. */
const LETTERS: { readonly [objectType: string]: string } = {
  table: "r",
  sequence: "S",
  function: "f",
  routine: "f",
  type: "T",
  schema: "n",
};

function check({ objectType, schema, privileges }: Properties): { property: string; reason: string }[] {
  if (typeof objectType !== "string") return [];
  if (LETTERS[objectType] === undefined) {
    const reason = `'objectType' is '${objectType}'; allowed: ${Object.keys(LETTERS).join(", ")}`;
    return [{ property: "objectType", reason }];
  }
  if (objectType === "schema" && schema !== undefined) {
    return [{ property: "schema", reason: "cannot specify `schema` when `objectType` is `schema`" }];
  }
  const allowed = objectType === "type" ? ["ALL", "USAGE"] : (ALLOWED[objectType] ?? []);
  const list: unknown[] = Array.isArray(privileges) ? privileges : [];
  return list
    .filter((one) => typeof one === "string" && !allowed.includes(one))
    .map((one) => ({
      property: "privileges",
      reason: `${one} is not an allowed privilege for object type ${objectType}`,
    }));
}

function scope({ owner, schema }: Wanted): string {
  return `ALTER DEFAULT PRIVILEGES FOR ROLE ${identifier(owner)}${schema ? ` IN SCHEMA ${identifier(schema)}` : ""}`;
}

async function write(session: Session, wanted: Wanted): Promise<void> {
  await revoke(session, wanted);
  if (wanted.privileges.length === 0) return;
  const option = wanted.withGrantOption ? " WITH GRANT OPTION" : "";
  const what = `GRANT ${wanted.privileges.join(", ")} ON ${wanted.objectType.toUpperCase()}S`;
  await session.query(`${scope(wanted)} ${what} TO ${grantee(wanted.role)}${option}`);
}

async function revoke(session: Session, wanted: Wanted): Promise<void> {
  const what = `REVOKE ALL ON ${wanted.objectType.toUpperCase()}S FROM ${grantee(wanted.role)}`;
  await session.query(`${scope(wanted)} ${what}`);
}

function idOf({ role, database, schema, owner, objectType }: Wanted): string {
  return [role, database, schema || "noschema", owner, objectType].join("_");
}

async function granted(session: Session, { role, owner, schema, objectType }: Wanted): Promise<string[]> {
  const query = `SELECT DISTINCT x.privilege_type::text AS type FROM pg_catalog.pg_default_acl d
    CROSS JOIN LATERAL aclexplode(d.defaclacl) x LEFT JOIN pg_catalog.pg_namespace n ON n.oid = d.defaclnamespace
    WHERE d.defaclobjtype = $1 AND COALESCE(n.nspname, '') = $2 AND pg_get_userbyid(d.defaclrole) = $3
    AND x.grantee = COALESCE((SELECT oid FROM pg_catalog.pg_roles WHERE rolname = $4), 0)`;
  const values = [LETTERS[objectType] ?? "", schema ?? "", owner, role];
  return (await session.query<{ type: string }>(query, values)).map(({ type }) => type);
}

export const DefaultPrivileges = resource<Postgres>()({
  inputs,
  outputs: {},
  missing: "import, as with the official provider",
  check,
  async create(context: Context<Postgres>, wanted) {
    await context.client.change(context, wanted.database, (session) => write(session, wanted));
    return { id: idOf(wanted), state: {} };
  },
  async read(context, id, state) {
    const wanted: Wanted = JSON.parse(JSON.stringify(state));
    if (wanted.role === undefined) throw new Error("DefaultPrivileges cannot be imported; create them");
    if (!(await stands(context, wanted))) return undefined;
    const live = await context.client.session(context, wanted.database, (session) => granted(session, wanted));
    if (live.length === 0 && wanted.privileges.length > 0) return undefined;
    const same = equalPrivileges(live, wanted.privileges, wanted.objectType);
    return { id, state: { ...state, privileges: same ? wanted.privileges : live } };
  },
  async update(context, { new: wanted }) {
    await context.client.change(context, wanted.database, (session) => write(session, wanted));
    return {};
  },
  async delete(context, _, state) {
    const wanted: Wanted = JSON.parse(JSON.stringify(state));
    if (!(await stands(context, wanted))) return;
    await context.client.change(context, wanted.database, (session) => revoke(session, wanted));
  },
});
