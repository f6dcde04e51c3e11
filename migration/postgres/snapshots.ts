import { randomBytes } from "node:crypto";
import { type Database, field, type SessionOptions } from "./database.ts";
import { SCHEMA } from "./names.ts";
import type { Sessions } from "./path.ts";
import { UNHURRIED } from "./session.ts";

/** Both sides as they were at one moment; each name is good for `SET TRANSACTION SNAPSHOT` on its side until the release. */
export interface Snapshots {
  blue: string;
  green: string;
  release(): Promise<void>;
}

/** Sessions that will hold snapshots. */
export interface SnapshotSessions {
  /** From the moment of this call. */
  hold(): Promise<Snapshots>;
  release(): Promise<void>;
}

/**
 * Sessions of their own, so that reading can go on after the flip has ended; opened ahead, so that nobody is held for that. A transaction
 * sees what there is at its first question, and not at its beginning.
 */
export async function openSnapshotSessions(at: Sessions): Promise<SnapshotSessions> {
  const held = [at.blue.another(), at.green.another()] as const;
  const release = async () => {
    await Promise.all(held.map((session) => session.close()));
  };
  const begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
  const names = () =>
    held.map(async (session) => field(await session.one("SELECT pg_export_snapshot() AS name"), "name"));
  const orRelease = (error: unknown) => release().then(() => Promise.reject(error));
  await Promise.all(held.map((session) => session.query(begin))).catch(orRelease);
  return {
    hold: async () => {
      const [blue = "", green = ""] = await Promise.all(names()).catch(orRelease);
      return { blue, green, release };
    },
    release,
  };
}

/** Both sides as they are now. */
export async function holdSnapshots(at: Sessions): Promise<Snapshots> {
  return await (await openSnapshotSessions(at)).hold();
}

/** One side as it was at one place of its log. */
export interface PlacedSnapshot {
  /** Good for `SET TRANSACTION SNAPSHOT` until the release; who has set it keeps it. */
  name: string;
  /** It has what was committed before this place, and nothing that was committed from there on. */
  lsn: string;
  release(): Promise<void>;
}

/** What a session for {@link exportSnapshot} is. */
export const PLACING: SessionOptions = { replication: true, once: true, setup: UNHURRIED };

/**
 * Only a slot knows a place of the log together with its snapshot, so one is made and goes with the session. It waits for transactions
 * that write, for as long as they last.
 * @param session one of {@link PLACING} and for this alone; whoever has it may end the wait by its `abort`
 */
export async function exportSnapshot(session: Database): Promise<PlacedSnapshot> {
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
