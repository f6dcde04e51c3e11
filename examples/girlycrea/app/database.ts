import pg from "pg";
import { Refusal } from "./refusal.ts";

/** What a route needs of the database: a query, or several in one transaction. */
export interface Database {
  query<Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>;
  transaction<Result>(work: (query: Database["query"]) => Promise<Result>): Promise<Result>;
  close(): Promise<void>;
}

/** SQLSTATEs of a database whose tables are being restored: no table, no schema to look it up in, no right to it yet. */
const MISSING = new Set(["42P01", "3F000", "42501"]);

/** True when the statement failed because the tables are not there (yet); anything else is a real failure. */
export function isMissingTable(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code !== undefined && MISSING.has(error.code);
}

/** True when PostgreSQL, or PgBouncer before it, cannot be reached or is going away: the caller may try again. */
export function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  // Class 08 connection exceptions, 57P shutdown and crash, 53 out of connections, 25006 fenced (read only).
  if (/^(08|57P|53|25006)/.test(code) || /^(ECONN|EPIPE|ETIMEDOUT|EHOST)/.test(code)) return true;
  return /timeout|Connection terminated|Connection is closed|max retries/i.test(error.message);
}

/**
 * A small pool. Everything on it must survive PgBouncer's transaction pooling: no session settings, no LISTEN, no advisory
 * session locks, no named statements (node-postgres uses the unnamed one unless a query carries a name).
 */
export function openDatabase(url: string, onIdleError: (error: Error) => void): Database {
  const pool = new pg.Pool({
    connectionString: url,
    max: 5,
    connectionTimeoutMillis: 5_000,
    // Enforced in the client, because a statement_timeout startup parameter is refused by PgBouncer.
    query_timeout: 5_000,
    // A new connection is the dearest thing to ask of a busy server; the few there are stay open through a quiet spell.
    idleTimeoutMillis: 300_000,
  });
  // A server that restarts breaks idle connections; unhandled, that event would end the process.
  pool.on("error", onIdleError);
  return {
    query: async (text, values) => (await pool.query(text, values)).rows,
    transaction: (work) => inTransaction(pool, work),
    close: () => pool.end(),
  };
}

const settled = [() => true, () => false] as const;

async function inTransaction<Result>(
  pool: pg.Pool,
  work: (query: Database["query"]) => Promise<Result>,
): Promise<Result> {
  const client = await pool.connect();
  try {
    await client.query("BEGIN");
    const result = await work(async (text, values) => (await client.query(text, values)).rows);
    await client.query("COMMIT");
    client.release();
    return result;
  } catch (error) {
    // What the server or the shop refused leaves a working connection. Any other error leaves one in doubt, which is closed:
    // that also ends a transaction whose answer never came.
    const working = error instanceof Refusal || error instanceof pg.DatabaseError;
    const undone = working && (await client.query("ROLLBACK").then(...settled));
    client.release(!undone);
    throw error;
  }
}
