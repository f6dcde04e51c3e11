import type { Side } from "../../side.ts";
import type { Database } from "../database.ts";
import { literal } from "../names.ts";
import type { Sessions } from "../path.ts";
import { CANONICAL, UNHURRIED } from "../session.ts";
import { holdSnapshots } from "../snapshots.ts";

/** Comparisons must see every row or fail; a policy that hides rows would make two sides look equal. */
const SETUP = [
  ...CANONICAL,
  ...UNHURRIED,
  "SET row_security = off",
  // Users come first: one core for each session that was asked for, and no more.
  "SET max_parallel_workers_per_gather = 0",
];
const BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/** Sessions that see both sides as they were at one moment each. */
export interface Look {
  /** The first session of each side. */
  at: Sessions;
  /** One more session at a side. */
  another(side: Side): Promise<Database>;
  close(): Promise<void>;
}

/** @param given names of snapshots that somebody holds; without them each side is looked at as it is now */
export async function look(at: Sessions, given?: Record<Side, string>): Promise<Look> {
  const holding = (side: Side) => at[side].another({ setup: SETUP });
  const held =
    given === undefined ? await holdSnapshots({ blue: holding("blue"), green: holding("green") }) : undefined;
  const sessions: Database[] = [];
  const another = async (side: Side) => {
    const session = at[side].another({ setup: SETUP, once: true });
    sessions.push(session);
    await session.query(BEGIN);
    await session.query(`SET TRANSACTION SNAPSHOT ${literal((given ?? held)?.[side] ?? "")}`);
    return session;
  };
  const close = async () => {
    await Promise.all([...sessions.map((session) => session.close()), held?.release()]);
  };
  try {
    return { at: { blue: await another("blue"), green: await another("green") }, another, close };
  } catch (error) {
    await close();
    throw error;
  }
}
