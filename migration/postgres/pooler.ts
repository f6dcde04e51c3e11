import { setTimeout as pause } from "node:timers/promises";
import pg from "pg";
import type { Side } from "../side.ts";
import type { Access } from "./database.ts";

/** What stands between the application and the two databases, and can hold its statements for a moment. Calls may be repeated. */
export interface Pooler {
  /** Returns when no statement is under way and new ones wait. @throws Error when that does not come; then nothing is held */
  pause(): Promise<void>;
  /** From now on new work goes to this side. */
  point(side: Side): Promise<void>;
  resume(): Promise<void>;
  /** @throws Error when it could not hold statements for so long */
  canHold(ms: number): Promise<void>;
}

/** Where the application speaks to its database directly: the fence alone holds, and writes fail during a flip. */
export const noPooler: Pooler = {
  pause: async () => {},
  point: async () => {},
  resume: async () => {},
  canHold: async () => {},
};

export interface PgBouncerOptions {
  /** The admin console: its database is `pgbouncer`. */
  admin: Access;
  /** The database as the application names it. */
  database: string;
  /** Makes the configuration name this side; PgBouncer is told to read it afterwards. */
  write(side: Side): Promise<void>;
}

/** A pause that waits for a long transaction would hold everybody else meanwhile, so each try is short. */
const TRY_MS = 2_000;
const TRIES = 5;
/** Between two tries, so that what was held gets through. */
const BREATH_MS = 100;

/** PAUSE ends logins to the database, and PgBouncer then takes it for one that does not answer; so it comes when there are none. */
const LOGINS_MS = 100;
const LONGEST_RETRY_S = 1;

export class PgBouncer implements Pooler {
  readonly #options: PgBouncerOptions;

  constructor(options: PgBouncerOptions) {
    this.#options = options;
  }

  async pause(): Promise<void> {
    for (let attempt = 1; attempt <= TRIES; attempt += 1) {
      if (await this.#tryPause()) return;
      // A RESUME on the session that waits for its PAUSE can hang both for ever, so it comes from another one.
      await this.resume();
      await pause(BREATH_MS);
    }
    throw new Error(
      `PgBouncer did not come to rest in ${TRIES} tries of ${TRY_MS} ms: a transaction is open all the time`,
    );
  }

  async point(side: Side): Promise<void> {
    await this.#options.write(side);
    await this.#ask((client) => client.query("RELOAD"));
  }

  async resume(): Promise<void> {
    await this.#ask(async (client) => {
      try {
        await client.query(`RESUME ${this.#database}`);
      } catch (error) {
        if (!(error instanceof Error && /is not paused/.test(error.message))) throw error;
      }
    });
  }

  async canHold(ms: number): Promise<void> {
    const { rows } = await this.#ask((client) => client.query<{ key: string; value: string }>("SHOW CONFIG"));
    const setting = (name: string) => Number(rows.find(({ key }) => key === name)?.value);
    const retry = setting("server_login_retry");
    if (retry > LONGEST_RETRY_S)
      throw new Error(
        `PgBouncer gives nobody a connection for ${retry} s after a login that a pause ended (server_login_retry); set it to ${LONGEST_RETRY_S} at most`,
      );
    const seconds = setting("query_wait_timeout");
    if (seconds > 0 && seconds * 1000 <= ms)
      throw new Error(
        `PgBouncer ends waiting statements after ${seconds} s (query_wait_timeout); a flip may hold them for ${ms / 1000} s`,
      );
  }

  get #database(): string {
    return `"${this.#options.database.replaceAll('"', '""')}"`;
  }

  /** @returns false when it took too long; the session is closed then, which ends its wait */
  async #tryPause(): Promise<boolean> {
    const client = await this.#connect();
    const late = new AbortController();
    try {
      await this.#loggedIn(client);
      const done = client.query(`PAUSE ${this.#database}`).then(() => true);
      done.catch(() => undefined);
      return await Promise.race([done, pause(TRY_MS, false, { signal: late.signal })]);
    } finally {
      late.abort();
      await client.end().catch(() => undefined);
    }
  }

  /** Waits for a moment without a login under way, but not for long: where the database does not answer there is none. */
  async #loggedIn(client: pg.Client): Promise<void> {
    for (const until = performance.now() + LOGINS_MS; performance.now() < until; await pause(2)) {
      const { rows } = await client.query<{ database: string; sv_login: string }>("SHOW POOLS");
      const own = rows.filter(({ database }) => database === this.#options.database);
      if (own.every(({ sv_login }) => Number(sv_login) === 0)) return;
    }
  }

  async #ask<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    const client = await this.#connect();
    try {
      return await work(client);
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  async #connect(): Promise<pg.Client> {
    const client = new pg.Client({ ...this.#options.admin, connectionTimeoutMillis: 5_000 });
    client.on("error", () => undefined);
    try {
      await client.connect();
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new Error(`PgBouncer's console at ${client.host}:${client.port} does not answer: ${why}`, { cause: error });
    }
    return client;
  }
}
