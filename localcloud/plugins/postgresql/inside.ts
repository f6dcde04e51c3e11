/** What lives inside one database: extensions and schemas. */
import { type Context, resource } from "../define.ts";
import type { Properties } from "../values.ts";
import { exists, identifier, type Postgres, type Session } from "./client.ts";
import { autoname } from "./role.ts";

const cascade = { type: "boolean", default: false } as const;

/** `<database>.<name>`; on import the database may be left out. */
function place(context: Context<Postgres>, id: string): { database: string; name: string } {
  const dot = id.indexOf(".");
  const fallback = context.client.settings.database;
  return dot < 0 ? { database: fallback, name: id } : { database: id.slice(0, dot), name: id.slice(dot + 1) };
}

async function databaseThere(context: Context<Postgres>, database: string): Promise<boolean> {
  return context.client.session(context, undefined, (session) => exists(session, "database", database));
}

async function readExtension(session: Session, database: string, name: string, known: Properties) {
  const query = `SELECT e.extversion AS version, n.nspname AS schema FROM pg_catalog.pg_extension e
    JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = $1`;
  const [row] = await session.query<{ version: string; schema: string }>(query, [name]);
  if (row === undefined) return undefined;
  const { createCascade = false, dropCascade = false } = known;
  return {
    id: `${database}.${name}`,
    state: { name, database, schema: row.schema, version: row.version, createCascade, dropCascade },
  };
}

export const Extension = resource<Postgres>()({
  inputs: {
    name: { type: "string", replace: true },
    database: { type: "string", computed: true, replace: true },
    schema: { type: "string", computed: true },
    version: { type: "string", computed: true },
    createCascade: cascade,
    dropCascade: cascade,
  },
  outputs: {},
  autoname,
  async create(context: Context<Postgres>, wanted) {
    const { name = "", database = context.client.settings.database, schema, version } = wanted;
    const live = await context.client.change(context, database, async (session) => {
      const words = [
        `CREATE EXTENSION IF NOT EXISTS ${identifier(name)}`,
        schema === undefined ? "" : ` SCHEMA ${identifier(schema)}`,
        version === undefined ? "" : ` VERSION ${identifier(version)}`,
        wanted.createCascade ? " CASCADE" : "",
      ];
      await session.query(words.join(""));
      return readExtension(session, database, name, wanted);
    });
    if (live === undefined) throw new Error(`extension ${name} is not there right after it was made`);
    return live;
  },
  async read(context, id, state) {
    const { database, name } = place(context, id);
    if (!(await databaseThere(context, database))) return undefined;
    return context.client.session(context, database, (session) => readExtension(session, database, name, state));
  },
  async update(context, { id, new: wanted, changed }) {
    const { database, name } = place(context, id);
    const live = await context.client.change(context, database, async (session) => {
      if (changed("schema") && wanted.schema) {
        await session.query(`ALTER EXTENSION ${identifier(name)} SET SCHEMA ${identifier(wanted.schema)}`);
      }
      if (changed("version")) {
        const to = wanted.version === undefined ? "" : ` TO ${identifier(wanted.version)}`;
        await session.query(`ALTER EXTENSION ${identifier(name)} UPDATE${to}`);
      }
      return readExtension(session, database, name, wanted);
    });
    return live?.state ?? {};
  },
  async delete(context, id, state) {
    const { database, name } = place(context, id);
    if (!(await databaseThere(context, database))) return;
    const mode = state.dropCascade === true ? "CASCADE" : "RESTRICT";
    await context.client.change(context, database, (session) =>
      session.query(`DROP EXTENSION IF EXISTS ${identifier(name)} ${mode}`),
    );
  },
});

async function readSchema(session: Session, database: string, name: string, known: Properties) {
  const query = "SELECT pg_get_userbyid(nspowner)::text AS owner FROM pg_catalog.pg_namespace WHERE nspname = $1";
  const [row] = await session.query<{ owner: string }>(query, [name]);
  if (row === undefined) return undefined;
  const { ifNotExists = true, dropCascade = false } = known;
  return {
    id: `${database}.${name}`,
    state: { name, database, owner: row.owner, ifNotExists, dropCascade, policies: [] },
  };
}

export const Schema = resource<Postgres>()({
  inputs: {
    name: { type: "string" },
    database: { type: "string", computed: true, replace: true },
    owner: { type: "string", computed: true },
    ifNotExists: { type: "boolean", default: true },
    dropCascade: cascade,
    policies: { type: "any", refused: "deprecated; use postgresql.Grant with objectType 'schema'" },
  },
  outputs: {},
  autoname,
  async create(context: Context<Postgres>, wanted) {
    const { name = "", database = context.client.settings.database, owner } = wanted;
    const live = await context.client.change(context, database, async (session) => {
      const already = await exists(session, "schema", name);
      if (!already) {
        const authorization = owner === undefined ? "" : ` AUTHORIZATION ${identifier(owner)}`;
        const unless = wanted.ifNotExists ? "IF NOT EXISTS " : "";
        await session.query(`CREATE SCHEMA ${unless}${identifier(name)}${authorization}`);
      } else if (owner !== undefined) {
        await session.query(`ALTER SCHEMA ${identifier(name)} OWNER TO ${identifier(owner)}`);
      }
      return readSchema(session, database, name, wanted);
    });
    if (live === undefined) throw new Error(`schema ${name} is not there right after it was made`);
    return live;
  },
  async read(context, id, state) {
    const { database, name } = place(context, id);
    if (!(await databaseThere(context, database))) return undefined;
    return context.client.session(context, database, (session) => readSchema(session, database, name, state));
  },
  async update(context, { id, state, new: wanted, changed }) {
    const { database, name: before } = place(context, id);
    const name = wanted.name ?? before;
    const live = await context.client.change(context, database, async (session) => {
      if (changed("name"))
        await session.query(`ALTER SCHEMA ${identifier(String(state.name))} RENAME TO ${identifier(name)}`);
      if (changed("owner") && wanted.owner) {
        await session.query(`ALTER SCHEMA ${identifier(name)} OWNER TO ${identifier(wanted.owner)}`);
      }
      return readSchema(session, database, name, wanted);
    });
    return live?.state ?? {};
  },
  async delete(context, id, state) {
    const { database } = place(context, id);
    if (!(await databaseThere(context, database))) return;
    const mode = state.dropCascade === true ? "CASCADE" : "RESTRICT";
    await context.client.change(context, database, (session) =>
      session.query(`DROP SCHEMA IF EXISTS ${identifier(String(state.name))} ${mode}`),
    );
  },
});
