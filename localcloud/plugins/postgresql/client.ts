/** Connections to the database server, one per piece of work, and the quoting of what goes into statements. */
import { readFile } from "node:fs/promises";
import type { ClientConfig, Client as PgClient, QueryResultRow } from "pg";
import type { Context } from "../define.ts";

/** Settings of the provider. */
export interface Settings {
  host: string;
  port: number;
  database: string;
  username: string;
  password: string;
  sslmode: string;
  sslrootcert: string | undefined;
  superuser: boolean;
  connectTimeout: number;
}

/** Answers rows of a statement. */
export interface Session {
  query<R extends QueryResultRow>(statement: string, values?: unknown[]): Promise<R[]>;
}

const queues = new Map<string, Promise<unknown>>();

export class Postgres {
  readonly settings: Settings;

  constructor(settings: Settings) {
    this.settings = settings;
  }

  /** Connects to a database (else the provider's), works, and leaves. */
  async session<T>(
    { signal }: Context<Postgres>,
    database: string | undefined,
    work: (session: Session) => Promise<T>,
  ): Promise<T> {
    const client = await this.#connect(database ?? this.settings.database);
    const stop = () => void client.end().catch(() => undefined);
    signal.addEventListener("abort", stop, { once: true });
    // A connection that breaks is reported by the statement that needed it.
    client.on("error", () => undefined);
    try {
      return await work({ query: async (statement, values) => (await client.query(statement, values)).rows });
    } catch (error) {
      signal.throwIfAborted();
      throw this.#withoutPassword(error);
    } finally {
      signal.removeEventListener("abort", stop);
      await client.end().catch(() => undefined);
    }
  }

  /**
   * Like {@link session}, in a transaction, one after another on the same server: changes of privileges on the same
   * object collide with each other ("tuple concurrently updated").
   */
  async change<T>(
    context: Context<Postgres>,
    database: string | undefined,
    work: (session: Session) => Promise<T>,
  ): Promise<T> {
    return this.inTurn(() =>
      this.session(context, database, async (session) => {
        await session.query("BEGIN");
        // Without a COMMIT the end of the connection rolls back.
        const result = await work(session);
        await session.query("COMMIT");
        return result;
      }),
    );
  }

  /** Runs work when all earlier changes of the same server are done. */
  async inTurn<T>(work: () => Promise<T>): Promise<T> {
    const key = `${this.settings.host}:${this.settings.port}`;
    const turn = (queues.get(key) ?? Promise.resolve()).then(work, work);
    queues.set(
      key,
      turn.catch(() => undefined),
    );
    return turn;
  }

  async #connect(database: string): Promise<PgClient> {
    const pg = (await import("pg")).default;
    const { host, port, username, password, connectTimeout, sslmode } = this.settings;
    const base: ClientConfig = {
      host,
      port,
      user: username,
      password,
      database,
      connectionTimeoutMillis: connectTimeout * 1000,
      application_name: "pulumi",
    };
    const modes = sslmode === "prefer" || sslmode === "allow" ? ["require", "disable"] : [sslmode];
    for (const mode of modes) {
      const client = new pg.Client({ ...base, ssl: await this.#tls(mode) });
      try {
        await client.connect();
        return client;
      } catch (error) {
        await client.end().catch(() => undefined);
        if (mode === modes.at(-1) || !String(error).includes("does not support SSL"))
          throw this.#unreachable(error, database);
      }
    }
    throw new Error(`postgresql: 'sslmode' is '${sslmode}'`);
  }

  async #tls(mode: string): Promise<ClientConfig["ssl"]> {
    if (mode === "disable") return false;
    const ca = this.settings.sslrootcert === undefined ? {} : { ca: await readFile(this.settings.sslrootcert, "utf8") };
    if (mode === "verify-full") return { ...ca, rejectUnauthorized: true };
    if (mode === "verify-ca") return { ...ca, rejectUnauthorized: true, checkServerIdentity: () => undefined };
    return { rejectUnauthorized: false };
  }

  #unreachable(error: unknown, database: string): Error {
    const { host, port, username } = this.settings;
    const told = this.#withoutPassword(error).message;
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    const network =
      ["ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "EPIPE"].includes(code) || /timeout|terminated/.test(told);
    if (!network)
      return new Error(`error connecting to PostgreSQL at ${host}:${port} as ${username} (${database}): ${told}`);
    return new Error(
      `cannot reach PostgreSQL at ${host}:${port} (${told || code}). The server is reached through an SSH forward on that ` +
        "port, which nothing holds open now: open it again (the command that sets up your shell for this stack does), " +
        "then run this again",
    );
  }

  #withoutPassword(error: unknown): Error {
    const message = error instanceof Error ? error.message : String(error);
    const { password } = this.settings;
    return new Error(password === "" ? message : message.replaceAll(password, "***"));
  }
}

/** A name as an identifier. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A text as a literal. */
export function literal(text: string): string {
  const quoted = `'${text.replaceAll("'", "''")}'`;
  return text.includes("\\") ? ` E${quoted.replaceAll("\\", "\\\\")}` : quoted;
}

/** A name the server keeps, or undefined. */
export async function exists(session: Session, table: "role" | "database" | "schema", name: string): Promise<boolean> {
  const queries = {
    role: "SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = $1",
    database: "SELECT 1 FROM pg_catalog.pg_database WHERE datname = $1",
    schema: "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1",
  };
  return (await session.query(queries[table], [name])).length > 0;
}
