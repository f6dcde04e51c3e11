/** Roles. */
import { type Context, type InputsOf, resource } from "../define.ts";
import type { Properties } from "../values.ts";
import { exists, identifier, literal, type Postgres, type Session } from "./client.ts";
import { belongs, storedForm } from "./scram.ts";

const off = { type: "boolean", default: false } as const;
const on = { type: "boolean", default: true } as const;

export const autoname = { property: "name", maxLength: 63 } as const;

const inputs = {
  name: { type: "string" },
  login: off,
  password: { type: "string", secret: true },
  encryptedPassword: on,
  superuser: off,
  createDatabase: off,
  createRole: off,
  inherit: on,
  replication: off,
  bypassRowLevelSecurity: off,
  connectionLimit: { type: "integer", default: -1 },
  validUntil: { type: "string", default: "infinity" },
  roles: { type: { set: "string" } },
  searchPaths: { type: { list: "string" } },
  statementTimeout: { type: "integer" },
  idleInTransactionSessionTimeout: { type: "integer" },
  assumeRole: { type: "string" },
  skipDropRole: off,
  skipReassignOwned: off,
  passwordWo: { type: "string", refused: "use 'password', which the state encrypts" },
  passwordWoVersion: { type: "string", refused: "use 'password', which the state encrypts" },
  encrypted: { type: "string", refused: "renamed: use 'encryptedPassword'" },
} as const;

type Wanted = InputsOf<typeof inputs>;

const FLAGS = {
  superuser: "SUPERUSER",
  createDatabase: "CREATEDB",
  createRole: "CREATEROLE",
  inherit: "INHERIT",
  login: "LOGIN",
  bypassRowLevelSecurity: "BYPASSRLS",
  replication: "REPLICATION",
} as const;

function options(wanted: Wanted): string {
  const words: string[] = [];
  if (wanted.password) {
    const nobody = wanted.password.toUpperCase() === "NULL";
    words.push(`PASSWORD ${nobody ? "NULL" : literal(storedForm(wanted.password))}`);
  }
  words.push(`VALID UNTIL ${literal(wanted.validUntil || "infinity")}`, `CONNECTION LIMIT ${wanted.connectionLimit}`);
  for (const [flag, word] of Object.entries(FLAGS)) {
    words.push(wanted[flag as keyof typeof FLAGS] ? word : `NO${word}`);
  }
  return words.join(" ");
}

/** Settings that hold for every session of the role. */
async function configure(session: Session, role: string, wanted: Wanted): Promise<void> {
  const set = (name: string, value: string | undefined) =>
    session.query(
      value === undefined
        ? `ALTER ROLE ${identifier(role)} RESET ${name}`
        : `ALTER ROLE ${identifier(role)} SET ${name} TO ${value}`,
    );
  const path = wanted.searchPaths?.map(identifier).join(", ");
  await set("search_path", path || undefined);
  await set("statement_timeout", wanted.statementTimeout ? String(wanted.statementTimeout) : undefined);
  const idle = wanted.idleInTransactionSessionTimeout;
  await set("idle_in_transaction_session_timeout", idle ? String(idle) : undefined);
  await set("role", wanted.assumeRole ? identifier(wanted.assumeRole) : undefined);
}

interface Row {
  rolname: string;
  rolsuper: boolean;
  rolinherit: boolean;
  rolcreaterole: boolean;
  rolcreatedb: boolean;
  rolcanlogin: boolean;
  rolreplication: boolean;
  rolbypassrls: boolean;
  rolconnlimit: number;
  until: string;
  rolconfig: string[] | null;
  roles: string[];
}

const READ = `SELECT rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls,
  rolconnlimit, COALESCE(rolvaliduntil::text, 'infinity') AS until, rolconfig,
  ARRAY(SELECT pg_get_userbyid(roleid)::text FROM pg_catalog.pg_auth_members WHERE member = r.oid) AS roles
  FROM pg_catalog.pg_roles r WHERE rolname = $1`;

function stateOf(row: Row): Properties {
  const config = (name: string) => row.rolconfig?.find((one) => one.startsWith(`${name}=`))?.slice(name.length + 1);
  const unquoted = (text: string) => text.replace(/^"(.*)"$/, "$1").replaceAll('""', '"');
  const path = config("search_path");
  const role = config("role");
  return {
    name: row.rolname,
    login: row.rolcanlogin,
    superuser: row.rolsuper,
    createDatabase: row.rolcreatedb,
    createRole: row.rolcreaterole,
    inherit: row.rolinherit,
    replication: row.rolreplication,
    bypassRowLevelSecurity: row.rolbypassrls,
    connectionLimit: row.rolconnlimit,
    validUntil: row.until,
    encryptedPassword: true,
    roles: row.roles.length > 0 ? row.roles : undefined,
    searchPaths: path === undefined ? undefined : path.split(", ").map(unquoted),
    statementTimeout: Number(config("statement_timeout") ?? 0),
    idleInTransactionSessionTimeout: Number(config("idle_in_transaction_session_timeout") ?? 0),
    assumeRole: role === undefined ? "" : unquoted(role),
  };
}

/** The password as the state has it, unless the server stores another one. */
async function livePassword(context: Context<Postgres>, session: Session, role: string, login: boolean, known: string) {
  if (!login || !context.client.settings.superuser) return known;
  const query = "SELECT COALESCE(passwd, '') AS passwd FROM pg_catalog.pg_shadow WHERE usename = $1";
  const [row] = await session.query<{ passwd: string }>(query, [role]).catch((error: unknown) => {
    const told = error instanceof Error ? error.message : String(error);
    throw new Error(
      `could not read the password of role ${role}: ${told}. Set 'superuser: false' in the provider's configuration`,
    );
  });
  return belongs(row?.passwd ?? "", known, role) ? known : (row?.passwd ?? "");
}

async function read(context: Context<Postgres>, session: Session, id: string, known: Properties) {
  const [row] = await session.query<Row & { [column: string]: unknown }>(READ, [id]);
  if (row === undefined) return undefined;
  const { password } = known;
  const state = {
    ...stateOf(row),
    skipDropRole: known.skipDropRole ?? false,
    skipReassignOwned: known.skipReassignOwned ?? false,
  };
  if (typeof password !== "string" || password === "") return { id, state };
  return { id, state: { ...state, password: await livePassword(context, session, id, row.rolcanlogin, password) } };
}

async function readBack(context: Context<Postgres>, name: string, wanted: Properties) {
  const live = await context.client.session(context, undefined, (session) => read(context, session, name, wanted));
  if (live === undefined) throw new Error(`role ${name} is not there right after it was made`);
  return live;
}

export const Role = resource<Postgres>()({
  inputs,
  outputs: {},
  autoname,
  async create(context: Context<Postgres>, wanted) {
    const name = wanted.name ?? "";
    await context.client.change(context, undefined, async (session) => {
      await session.query(`CREATE ROLE ${identifier(name)} WITH ${options(wanted)}`);
      for (const group of wanted.roles ?? []) await session.query(`GRANT ${identifier(group)} TO ${identifier(name)}`);
      await configure(session, name, wanted);
    });
    return readBack(context, name, wanted);
  },
  async read(context, id, state) {
    return context.client.session(context, undefined, (session) => read(context, session, id, state));
  },
  async update(context, { id, old, new: wanted, changed }) {
    const name = wanted.name ?? id;
    await context.client.change(context, undefined, async (session) => {
      if (name !== id) await session.query(`ALTER ROLE ${identifier(id)} RENAME TO ${identifier(name)}`);
      const { password, ...others } = wanted;
      // A new name makes an md5 password useless, so it is set again then.
      const current = changed("password") || name !== id ? { ...others, password } : others;
      await session.query(`ALTER ROLE ${identifier(name)} WITH ${options(current)}`);
      if (changed("password") && !password) await session.query(`ALTER ROLE ${identifier(name)} PASSWORD NULL`);
      const before = old.roles ?? [];
      const after = wanted.roles ?? [];
      for (const group of before.filter((one) => !after.includes(one))) {
        if (await exists(session, "role", group))
          await session.query(`REVOKE ${identifier(group)} FROM ${identifier(name)}`);
      }
      for (const group of after.filter((one) => !before.includes(one))) {
        await session.query(`GRANT ${identifier(group)} TO ${identifier(name)}`);
      }
      await configure(session, name, wanted);
    });
    return (await readBack(context, name, wanted)).state;
  },
  async delete(context, id, state) {
    await context.client.change(context, undefined, async (session) => {
      if (!(await exists(session, "role", id))) return;
      if (state.skipReassignOwned !== true) {
        await session.query(`REASSIGN OWNED BY ${identifier(id)} TO ${identifier(context.client.settings.username)}`);
        await session.query(`DROP OWNED BY ${identifier(id)}`);
      }
      if (state.skipDropRole !== true) await session.query(`DROP ROLE ${identifier(id)}`);
    });
  },
});
