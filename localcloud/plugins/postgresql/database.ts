/** Databases. */
import { type Context, type InputsOf, resource } from "../define.ts";
import type { Properties } from "../values.ts";
import { exists, identifier, literal, type Postgres, type Session } from "./client.ts";
import { autoname } from "./role.ts";

const inputs = {
  name: { type: "string" },
  owner: { type: "string", computed: true },
  template: { type: "string", computed: true, replace: true },
  encoding: { type: "string", computed: true, replace: true },
  lcCollate: { type: "string", computed: true, replace: true },
  lcCtype: { type: "string", computed: true, replace: true },
  tablespaceName: { type: "string", computed: true },
  connectionLimit: { type: "integer", default: -1 },
  allowConnections: { type: "boolean", default: true },
  isTemplate: { type: "boolean", computed: true },
  alterObjectOwnership: { type: "boolean", default: false },
} as const;

type Wanted = InputsOf<typeof inputs>;

function orDefault(word: string, value: string | undefined, quote: (text: string) => string, unset: string): string {
  if (value === undefined) return unset;
  return value.toUpperCase() === "DEFAULT" ? ` ${word} DEFAULT` : ` ${word} ${quote(value)}`;
}

function statement(wanted: Wanted, username: string): string {
  return [
    `CREATE DATABASE ${identifier(wanted.name ?? "")} OWNER ${identifier(wanted.owner ?? username)}`,
    orDefault("TEMPLATE", wanted.template, identifier, " TEMPLATE template0"),
    orDefault("ENCODING", wanted.encoding, literal, " ENCODING 'UTF8'"),
    orDefault("LC_COLLATE", wanted.lcCollate, literal, ""),
    orDefault("LC_CTYPE", wanted.lcCtype, literal, ""),
    orDefault("TABLESPACE", wanted.tablespaceName, identifier, ""),
    ` ALLOW_CONNECTIONS ${wanted.allowConnections} CONNECTION LIMIT ${wanted.connectionLimit}`,
    ` IS_TEMPLATE ${wanted.isTemplate ?? false}`,
  ].join("");
}

interface Row {
  owner: string;
  encoding: string;
  datcollate: string;
  datctype: string;
  spcname: string;
  datconnlimit: number;
  datallowconn: boolean;
  datistemplate: boolean;
  [column: string]: unknown;
}

const READ = `SELECT pg_get_userbyid(d.datdba)::text AS owner, pg_encoding_to_char(d.encoding)::text AS encoding,
  d.datcollate, d.datctype, ts.spcname, d.datconnlimit, d.datallowconn, d.datistemplate
  FROM pg_catalog.pg_database d JOIN pg_catalog.pg_tablespace ts ON d.dattablespace = ts.oid WHERE d.datname = $1`;

async function read(session: Session, name: string, known: Properties) {
  const [row] = await session.query<Row>(READ, [name]);
  if (row === undefined) return undefined;
  const state: Properties = {
    name,
    owner: row.owner,
    encoding: row.encoding,
    lcCollate: row.datcollate,
    lcCtype: row.datctype,
    tablespaceName: row.spcname,
    connectionLimit: row.datconnlimit,
    allowConnections: row.datallowconn,
    isTemplate: row.datistemplate,
    template: known.template ?? "template0",
    alterObjectOwnership: known.alterObjectOwnership ?? false,
  };
  return { id: name, state };
}

async function readBack(context: Context<Postgres>, name: string, wanted: Properties) {
  const live = await context.client.session(context, undefined, (session) => read(session, name, wanted));
  if (live === undefined) throw new Error(`database ${name} is not there right after it was made`);
  return live;
}

export const Database = resource<Postgres>()({
  inputs,
  outputs: {},
  autoname,
  async create(context: Context<Postgres>, wanted) {
    const { client } = context;
    // CREATE DATABASE runs in no transaction.
    await client.inTurn(() =>
      client.session(context, undefined, (session) => session.query(statement(wanted, client.settings.username))),
    );
    return readBack(context, wanted.name ?? "", wanted);
  },
  async read(context, id, state) {
    return context.client.session(context, undefined, (session) => read(session, id, state));
  },
  async update(context, { id, state, new: wanted, changed }) {
    const name = wanted.name ?? id;
    const { client } = context;
    if (changed("owner") && wanted.owner && wanted.alterObjectOwnership && typeof state.owner === "string") {
      const hand = `REASSIGN OWNED BY ${identifier(state.owner)} TO ${identifier(wanted.owner)}`;
      await client.change(context, id, (session) => session.query(hand));
    }
    await client.inTurn(() =>
      client.session(context, undefined, async (session) => {
        if (name !== id) await session.query(`ALTER DATABASE ${identifier(id)} RENAME TO ${identifier(name)}`);
        const alter = (words: string) => session.query(`ALTER DATABASE ${identifier(name)} ${words}`);
        if (changed("owner") && wanted.owner) await alter(`OWNER TO ${identifier(wanted.owner)}`);
        if (changed("tablespaceName") && wanted.tablespaceName) {
          await alter(`SET TABLESPACE ${identifier(wanted.tablespaceName)}`);
        }
        await alter(`CONNECTION LIMIT ${wanted.connectionLimit}`);
        await alter(`ALLOW_CONNECTIONS ${wanted.allowConnections}`);
        if (changed("isTemplate")) await alter(`IS_TEMPLATE ${wanted.isTemplate ?? false}`);
      }),
    );
    return (await readBack(context, name, { ...state, ...wanted })).state;
  },
  async delete(context, id) {
    const { client } = context;
    await client.inTurn(() =>
      client.session(context, undefined, async (session) => {
        if (!(await exists(session, "database", id))) return;
        await session.query(`ALTER DATABASE ${identifier(id)} WITH IS_TEMPLATE false ALLOW_CONNECTIONS false`);
        await session.query(`DROP DATABASE ${identifier(id)} WITH (FORCE)`);
      }),
    );
  },
});
