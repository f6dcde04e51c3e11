import { randomBytes } from "node:crypto";
import { type Database, field } from "./database.ts";
import { SCHEMA } from "./names.ts";
import type { Sessions } from "./path.ts";
import { UNHURRIED } from "./session.ts";

/** Both sides as they were at one moment; each name is good for `SET TRANSACTION SNAPSHOT` on its side until the release. */
export interface Snapshots {
  blue: string;
  green: string;
  release(): Promise<void>;
}

/** Held by sessions of their own, so that reading can go on after the flip has ended. */
export async function holdSnapshots(at: Sessions): Promise<Snapshots> {
  const held = { blue: at.blue.another(), green: at.green.another() };
  const release = async () => {
    await Promise.all([held.blue.close(), held.green.close()]);
  };
  const hold = async (side: "blue" | "green") => {
    await held[side].query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    return field(await held[side].one("SELECT pg_export_snapshot() AS name"), "name");
  };
  try {
    const [blue, green] = await Promise.all([hold("blue"), hold("green")]);
    return { blue, green, release };
  } catch (error) {
    await release();
    throw error;
  }
}

/** One side as it was at one place of its log. */
export interface PlacedSnapshot {
  /** Good for `SET TRANSACTION SNAPSHOT` until the release; who has set it keeps it. */
  name: string;
  /** It has what was committed before this place, and nothing that was committed from there on. */
  lsn: string;
  release(): Promise<void>;
}

/**
 * Only a slot knows a place of the log together with its snapshot, so one is made and goes with the session. It waits for transactions
 * that write.
 */
export async function exportSnapshot(database: Database): Promise<PlacedSnapshot> {
  const session = database.another({ replication: true, once: true, setup: UNHURRIED });
  try {
    const row = await session.one(
      `CREATE_REPLICATION_SLOT ${SCHEMA}_copy_${randomBytes(4).toString("hex")} TEMPORARY LOGICAL pgoutput (SNAPSHOT 'export')`,
    );
    return { name: field(row, "snapshot_name"), lsn: field(row, "consistent_point"), release: () => session.close() };
  } catch (error) {
    await session.close();
    throw error;
  }
}
