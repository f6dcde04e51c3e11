import pg from "pg";

/** Which of the two databases of a move: where production was, and what this program built. */
export type Side = "blue" | "green";

export function otherSide(side: Side): Side {
  return side === "blue" ? "green" : "blue";
}

/** Every value as PostgreSQL wrote it: a number, a date or a float that went through JavaScript could come out as another. */
export type Row = Record<string, string | null>;

/** A value that is always there. @throws Error naming the column where it is not */
export function field(row: Row, name: string): string {
  const value = row[name];
  if (value === null || value === undefined) throw new Error(`the answer of PostgreSQL has no ${name}`);
  return value;
}

/** Where a database is and who asks; the keys are those of node-postgres. */
export interface Access {
  host: string;
  port: number;
  database: string;
  user: string;
  password?: string;
  ssl?: boolean | { rejectUnauthorized: boolean; ca?: string };
}

const verbatim = { getTypeParser: () => (value: string) => value };

export interface SessionOptions {
  /** Statements that make a new session what the work needs, such as `SET statement_timeout = 0`. */
  setup?: readonly string[];
  /** Not opened again after it broke: what it held, such as a lock, is gone with it. */
  once?: boolean;
  /** What the server shows of the session. @default "bascule" */
  name?: string;
}

/** One session at one of the two databases; opened at the first question, and again after it broke. */
export class Database {
  readonly side: Side;
  readonly access: Access;
  readonly #options: SessionOptions;
  #client: pg.Client | undefined;
  #opened = false;

  constructor(side: Side, access: Access, options: SessionOptions = {}) {
    this.side = side;
    this.access = access;
    this.#options = options;
  }

  /** @throws Error naming the side and the address, never the password, when there is no way to it */
  async query(sql: string, values: (string | number | null | string[])[] = []): Promise<Row[]> {
    const client = await this.#connected();
    return (await client.query<Row>(sql, values)).rows;
  }

  /** One row, or an error: for questions that always have an answer. */
  async one(sql: string, values: (string | number | null | string[])[] = []): Promise<Row> {
    const [row] = await this.query(sql, values);
    if (row === undefined) throw new Error(`${this.side} gave no row for: ${sql}`);
    return row;
  }

  /** Runs `work` in one transaction; whatever it throws takes everything back. */
  async transaction<T>(work: () => Promise<T>, begin = "BEGIN"): Promise<T> {
    await this.query(begin);
    try {
      const result = await work();
      await this.query("COMMIT");
      return result;
    } catch (error) {
      // Where the session itself broke, the server has rolled back already.
      await this.query("ROLLBACK").catch(() => undefined);
      throw error;
    }
  }

  /** Another session at the same database: for what must not share a transaction or a wait. */
  another(options = this.#options): Database {
    return new Database(this.side, this.access, options);
  }

  async close(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    await client?.end().catch(() => undefined);
  }

  async #connected(): Promise<pg.Client> {
    if (this.#client !== undefined) return this.#client;
    if (this.#opened && this.#options.once) throw new Error(`the session at ${this.side}'s database is gone`);
    this.#opened = true;
    const client = new pg.Client({
      ...this.access,
      application_name: this.#options.name ?? "bascule",
      types: verbatim,
      keepAlive: true,
      connectionTimeoutMillis: 10_000,
    });
    // A session that breaks between two questions must not end the process; the next question opens another.
    const forget = () => {
      if (this.#client === client) this.#client = undefined;
    };
    client.on("error", forget).on("end", forget);
    try {
      await client.connect();
    } catch (error) {
      const { host, port, database, user } = this.access;
      const why = error instanceof Error ? error.message : String(error);
      throw new Error(`${this.side}'s database ${database} at ${host}:${port} does not let ${user} in: ${why}`, {
        cause: error,
      });
    }
    try {
      for (const statement of this.#options.setup ?? []) await client.query(statement);
    } catch (error) {
      await client.end().catch(() => undefined);
      throw error;
    }
    this.#client = client;
    return client;
  }
}
