import type { Database } from "../database.ts";
import { CANONICAL, UNHURRIED } from "../session.ts";

/** What a database held at one moment, for any number of sessions, as long as it is held. */
export interface Snapshot {
  id: string;
  release(): Promise<void>;
}

/** Comparisons must see every row or fail; a policy that hides rows would make two sides look equal. */
const SETUP = [
  ...CANONICAL,
  ...UNHURRIED,
  "SET row_security = off",
  // Users come first: one core for each session that was asked for, and no more.
  "SET max_parallel_workers_per_gather = 0",
];
const BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/** Takes milliseconds; while it is held the server keeps old row versions, so it is released as soon as the proof is done. */
export async function holdSnapshot(database: Database): Promise<Snapshot> {
  const session = database.another({ setup: SETUP });
  await session.query(BEGIN);
  const { id } = await session.one("SELECT pg_export_snapshot() AS id");
  return { id: String(id), release: () => session.close() };
}

/** A session that sees what the snapshot holds; it is closed by who asked for it. */
export async function sessionAt(database: Database, snapshot: string): Promise<Database> {
  const session = database.another({ setup: SETUP, once: true });
  try {
    await session.query(BEGIN);
    await session.query(`SET TRANSACTION SNAPSHOT '${snapshot.replaceAll("'", "")}'`);
    return session;
  } catch (error) {
    await session.close();
    throw error;
  }
}
