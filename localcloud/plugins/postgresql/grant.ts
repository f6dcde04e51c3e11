/** Privileges of a role on objects, and on objects to come. */
import { type Context, resource } from "../define.ts";
import type { Properties } from "../values.ts";
import { exists, identifier, type Postgres, type Session } from "./client.ts";
import { inputs, type Wanted } from "./grant-inputs.ts";
import { ALLOWED, equalPrivileges, grantedOn, OBJECT_KINDS } from "./privileges.ts";

type Wrong = { property: string; reason: string }[];

function wrongPrivileges(objectType: string, privileges: unknown): Wrong {
  const allowed = ALLOWED[objectType] ?? [];
  const list: unknown[] = Array.isArray(privileges) ? privileges : [];
  return list
    .filter((one) => typeof one === "string" && !allowed.includes(one))
    .map((one) => ({
      property: "privileges",
      reason: `${one} is not an allowed privilege for object type ${objectType}; allowed: ${allowed.join(", ")}`,
    }));
}

function count(value: Properties[string]): number {
  return Array.isArray(value) ? value.length : 0;
}

function check(given: Properties): Wrong {
  const { objectType, schema, objects, columns, privileges } = given;
  if (typeof objectType !== "string") return [];
  if (ALLOWED[objectType] === undefined) {
    const reason = `'objectType' is '${objectType}'; allowed: ${Object.keys(ALLOWED).join(", ")}`;
    return [{ property: "objectType", reason }];
  }
  const wrong = wrongPrivileges(objectType, privileges);
  if (schema === undefined && objectType !== "database") {
    wrong.push({ property: "schema", reason: `'schema' is required with object type ${objectType}` });
  }
  if (count(objects) > 0 && (objectType === "database" || objectType === "schema")) {
    wrong.push({ property: "objects", reason: "cannot specify `objects` when `objectType` is `database` or `schema`" });
  }
  if (objectType === "column") {
    if (count(columns) === 0)
      wrong.push({ property: "columns", reason: "must specify `columns` when `objectType` is `column`" });
    if (count(objects) !== 1) wrong.push({ property: "objects", reason: "must specify exactly 1 table in `objects`" });
    if (count(privileges) !== 1)
      wrong.push({ property: "privileges", reason: "must specify exactly 1 of `privileges`" });
  } else if (count(columns) > 0) {
    wrong.push({ property: "columns", reason: "cannot specify `columns` when `objectType` is not `column`" });
  }
  return wrong;
}

/** Everybody, or a role. */
export function grantee(role: string): string {
  return role === "public" ? "PUBLIC" : identifier(role);
}

/** What the privileges are on, for GRANT and REVOKE. */
function target({ objectType, schema = "", database, objects = [] }: Wanted): string {
  const kind = objectType === "column" ? "TABLE" : objectType.toUpperCase();
  if (objectType === "database") return `DATABASE ${identifier(database)}`;
  if (objectType === "schema") return `SCHEMA ${identifier(schema)}`;
  if (objects.length === 0) return `ALL ${kind}S IN SCHEMA ${identifier(schema)}`;
  return `${kind} ${objects.map((name) => objectName(schema, name)).join(", ")}`;
}

/** Functions may come with their argument types, which are no part of the name. */
function objectName(schema: string, name: string): string {
  const [, bare = name, args = ""] = /^([^(]+)(\(.*\))$/.exec(name) ?? [];
  return `${identifier(schema)}.${identifier(bare)}${args}`;
}

function columnList(wanted: Wanted): string {
  return wanted.objectType === "column" ? ` (${(wanted.columns ?? []).map(identifier).join(", ")})` : "";
}

async function revoke(session: Session, wanted: Wanted): Promise<void> {
  const what = wanted.objectType === "column" ? wanted.privileges.join(", ") + columnList(wanted) : "ALL PRIVILEGES";
  await session.query(`REVOKE ${what} ON ${target(wanted)} FROM ${grantee(wanted.role)}`);
}

async function grant(session: Session, wanted: Wanted): Promise<void> {
  if (wanted.privileges.length === 0) return;
  const what = wanted.privileges.join(", ") + columnList(wanted);
  const option = wanted.withGrantOption ? " WITH GRANT OPTION" : "";
  await session.query(`GRANT ${what} ON ${target(wanted)} TO ${grantee(wanted.role)}${option}`);
}

function idOf({ role, database, schema, objectType, objects = [], columns = [] }: Wanted): string {
  const parts = [role, database, ...(objectType === "database" ? [] : [schema ?? ""]), objectType];
  return [...parts, ...[...objects].sort(), ...[...columns].sort()].join("_");
}

/** The inputs as the state keeps them. */
function remembered(state: Properties): Wanted {
  return JSON.parse(JSON.stringify(state));
}

/** Is what it is about still there: database, role, schema? */
export async function stands(
  context: Context<Postgres>,
  { database, role, schema }: { database: string; role: string; schema?: string },
): Promise<boolean> {
  const there = await context.client.session(context, undefined, async (session) => {
    const roleThere = role === "public" || (await exists(session, "role", role));
    return roleThere && (await exists(session, "database", database));
  });
  if (!there || schema === undefined || schema === "") return there;
  return context.client.session(context, database, (session) => exists(session, "schema", schema));
}

async function readPrivileges(session: Session, wanted: Wanted): Promise<string[]> {
  for (const granted of await grantedOn(session, wanted)) {
    if (!equalPrivileges(granted, wanted.privileges, wanted.objectType)) return granted;
  }
  return wanted.privileges;
}

export const Grant = resource<Postgres>()({
  inputs,
  outputs: {},
  missing: `object types other than ${OBJECT_KINDS.join(", ")}; import, as with the official provider`,
  check,
  async create(context: Context<Postgres>, wanted) {
    await context.client.change(context, wanted.database, async (session) => {
      await revoke(session, wanted);
      await grant(session, wanted);
    });
    return { id: idOf(wanted), state: {} };
  },
  async read(context, id, state) {
    const wanted = remembered(state);
    if (wanted.role === undefined)
      throw new Error("a Grant cannot be imported; create it, which changes nothing that is granted already");
    if (!(await stands(context, wanted))) return undefined;
    const privileges = await context.client.session(context, wanted.database, (session) =>
      readPrivileges(session, wanted),
    );
    return { id, state: { ...state, privileges } };
  },
  async update(context, { state, new: wanted }) {
    await context.client.change(context, wanted.database, async (session) => {
      await revoke(session, remembered(state));
      await grant(session, wanted);
    });
    return {};
  },
  async delete(context, _, state) {
    const wanted = remembered(state);
    if (!(await stands(context, wanted))) return;
    await context.client.change(context, wanted.database, (session) => revoke(session, wanted));
  },
});
