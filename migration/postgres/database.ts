import pg from "pg";
import type { Side } from "../side.ts";
import { type Copied, pipeCopy } from "./copy-data.ts";
import { errorCode } from "./errors.ts";
import { clientTls, type Tls } from "./tls.ts";

/** Every value as PostgreSQL wrote it: a number, a date or a float that went through JavaScript could come out as another. */
export type Row = Record<string, string | null>;

/** A value that is always there. @throws Error naming the column where it is not */
export function field(row: Row, name: string): string {
  const value = row[name];
  if (value === null || value === undefined) throw new Error(`the answer of PostgreSQL has no ${name}`);
  return value;
}

/** Where a database is and who asks; but for `tls` the keys are those of node-postgres. */
export interface Access {
  host: string;
  port: number;
  database: string;
  user: string;
  password?: string;
  /** @default no encryption by this program, and by libpq where the server has it */
  tls?: Tls;
}

const verbatim = { getTypeParser: () => (value: string) => value };

/** What a question may carry; a list becomes an array of PostgreSQL. */
export type Parameter = string | number | null | (string | null)[];

/** Rows that {@link Database.stream} holds back before it stops reading from the server. */
const STREAM_BYTES = 8 * 1024 * 1024;

export interface SessionOptions {
  /** Statements that make a new session what the work needs, such as `SET statement_timeout = 0`. */
  setup?: readonly string[];
  /** Questions leave before earlier ones are answered, so that a distant server costs one round trip and not one for each. */
  pipeline?: boolean;
  /** Not opened again after it broke: what it held, such as a lock or a snapshot, is gone with it. Its end breaks off what it waits for. */
  once?: boolean;
  /** Takes commands of replication as well, such as CREATE_REPLICATION_SLOT; questions then carry no values. */
  replication?: boolean;
  /** What the server shows of the session. @default "bascule" */
  name?: string;
}

/** One session at one of the two databases; opened at the first question, and again after it broke. */
export class Database {
  readonly side: Side;
  readonly access: Access;
  readonly #options: SessionOptions;
  #client: pg.Client | undefined;
  #opening: Promise<pg.Client> | undefined;
  #opened = false;
  #aborted = false;
  /** Questions that were asked and not yet answered. */
  #underWay = 0;
  /** The session a transaction is open in: what follows must not go to another one, which would commit each statement alone. */
  #bound: pg.Client | undefined;

  constructor(side: Side, access: Access, options: SessionOptions = {}) {
    this.side = side;
    this.access = access;
    this.#options = options;
  }

  /** @throws Error naming the side and the address, never the password, when there is no way to it */
  async query(sql: string, values: Parameter[] = []): Promise<Row[]> {
    const client = await this.#connected();
    return (await this.#asked(client.query<Row>(sql, values))).rows;
  }

  /**
   * Statements without values, separated by `;`, in one round trip and one transaction: an error takes all of them back.
   * @returns the rows of the last one
   */
  async script(sql: string): Promise<Row[]> {
    const client = await this.#connected();
    const answer = await this.#asked(client.query<Row>(sql));
    const last: pg.QueryResult<Row> = Array.isArray(answer) ? answer.at(-1) : answer;
    return last.rows;
  }

  /**
   * A statement the server keeps under `name`, so that it is read and planned once.
   * @returns its rows, and how many it inserted, updated or deleted
   */
  async prepared(name: string, sql: string, values: Parameter[]): Promise<{ rows: Row[]; count: number }> {
    const client = await this.#connected();
    const { rows, rowCount } = await client.query<Row>({ name, text: sql, values });
    return { rows, count: rowCount ?? 0 };
  }

  /** The rows of a question as they come, however many: reading stops while a few megabytes of them wait to be taken. */
  async *stream(sql: string): AsyncGenerator<Row> {
    const client = await this.#connected();
    const socket = client.connection.stream;
    const waiting: Row[] = [];
    let held = 0;
    let over = false;
    let failure: Error | undefined;
    let wake = () => {};
    const query = client.query(new pg.Query<Row>(sql));
    query.on("row", (row) => {
      waiting.push(row);
      for (const value of Object.values(row)) held += value?.length ?? 0;
      if (held > STREAM_BYTES) socket.pause();
      wake();
    });
    const finish = (error?: Error) => {
      over = true;
      failure = error;
      wake();
    };
    query.on("end", () => finish()).on("error", finish);
    try {
      while (true) {
        const rows = waiting.splice(0);
        held = 0;
        socket.resume();
        yield* rows;
        if (waiting.length > 0) continue;
        if (over) break;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } finally {
      // Who stops in the middle leaves a server that goes on sending; only its end stops that.
      if (!over) {
        this.#forget(client);
        socket.destroy();
      }
    }
    if (failure !== undefined) throw failure;
  }

  /**
   * Sends what `copy` (`COPY ... TO STDOUT`) gives here into `into` (`COPY ... FROM STDIN`) there.
   * @param tell how far it is, again and again
   * @throws Error of the side that failed; this session is closed then, and what it held is gone
   */
  async copyTo(target: Database, copy: string, into: string, tell: (copied: Copied) => void): Promise<Copied> {
    const sender = await this.#connected();
    const receiver = await target.#connected();
    try {
      return await pipeCopy({ client: sender, sql: copy }, { client: receiver, sql: into }, tell);
    } catch (error) {
      this.#forget(sender);
      sender.connection.stream.destroy();
      throw error;
    }
  }

  /** Ends the session in the middle of whatever it waits for, which fails; one that is for `once` is not even opened after it. */
  abort(): void {
    this.#opened = true;
    this.#aborted = true;
    const client = this.#client;
    if (client === undefined) return;
    this.#forget(client);
    client.connection.stream.destroy();
  }

  /** One row, or an error: for questions that always have an answer. */
  async one(sql: string, values: Parameter[] = []): Promise<Row> {
    const [row] = await this.query(sql, values);
    if (row === undefined) throw new Error(`${this.side} gave no row for: ${sql}`);
    return row;
  }

  /** Runs `work` in one transaction; whatever it throws takes everything back. */
  async transaction<T>(work: () => Promise<T>, begin = "BEGIN"): Promise<T> {
    this.#bound = await this.#connected();
    try {
      const begun = this.query(begin);
      if (this.#options.pipeline) begun.catch(() => undefined);
      else await begun;
      const result = await work();
      await begun;
      await this.query("COMMIT");
      return result;
    } catch (error) {
      // Where the session itself broke, the server has rolled back already.
      await this.query("ROLLBACK").catch(() => undefined);
      throw error;
    } finally {
      this.#bound = undefined;
    }
  }

  /** Another session at the same database: for what must not share a transaction or a wait. */
  another(options = this.#options): Database {
    return new Database(this.side, this.access, options);
  }

  /** Answers that are under way are waited for with `pipeline`, unless the session is for once: then they fail, as they do without. */
  async close(): Promise<void> {
    if (this.#options.once && this.#underWay > 0) return this.abort();
    const client = this.#client;
    this.#client = undefined;
    await client?.end().catch(() => undefined);
  }

  async #asked<T>(answer: Promise<T>): Promise<T> {
    this.#underWay += 1;
    try {
      return await answer;
    } finally {
      this.#underWay -= 1;
    }
  }

  async #connected(): Promise<pg.Client> {
    if (this.#bound !== undefined && this.#bound !== this.#client)
      throw new Error(`${this.side}'s session broke inside a transaction; nothing of that transaction was kept`);
    if (this.#client !== undefined) return this.#client;
    if (this.#opened && this.#options.once) throw new Error(`the session at ${this.side}'s database is gone`);
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #open(): Promise<pg.Client> {
    this.#opened = true;
    const access = this.#options.replication ? { ...this.access, replication: "database" } : this.access;
    const client = new pg.Client({
      ...access,
      ...clientTls(access.tls),
      application_name: this.#options.name ?? "bascule",
      types: verbatim,
      keepAlive: true,
      pipeline: this.#options.pipeline,
      connectionTimeoutMillis: 10_000,
    });
    // A session that breaks between two questions must not end the process; the next question opens another.
    const forget = () => this.#forget(client);
    client.on("error", forget).on("end", forget);
    try {
      await client.connect();
    } catch (error) {
      const { host, port, database, user } = this.access;
      // A name with several addresses that all refuse has a code and no message.
      const why = (error instanceof Error && error.message) || (errorCode(error) ?? String(error));
      throw new Error(`${this.side}'s database ${database} at ${host}:${port} does not let ${user} in: ${why}`, {
        cause: error,
      });
    }
    try {
      // All at once: a distant server costs one round trip, also while everybody is held.
      const { setup = [] } = this.#options;
      if (setup.length > 0) await client.query(setup.join("; "));
    } catch (error) {
      await client.end().catch(() => undefined);
      throw error;
    }
    if (this.#aborted && this.#options.once) {
      client.connection.stream.destroy();
      throw new Error(`the session at ${this.side}'s database was ended while it was opened`);
    }
    this.#client = client;
    return client;
  }

  #forget(client: pg.Client): void {
    if (this.#client === client) this.#client = undefined;
  }
}
