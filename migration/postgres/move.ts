import { otherSide, type Side } from "../side.ts";
import { readCatalog, requireIdentities } from "./catalog.ts";
import { type Access, Database, field } from "./database.ts";
import { fence, installFence, readFence } from "./fence.ts";
import { installGuard, removeGuard } from "./guard.ts";
import { type Lease, takeLease } from "./lock.ts";
import { SCHEMA } from "./names.ts";
import type { Path } from "./path.ts";
import type { Pooler } from "./pooler.ts";
import { lastSwitch, RECORDS } from "./records.ts";
import { dropSlot, ensurePublication } from "./stream.ts";
import type { SynchronousWay } from "./synchronous.ts";

/** Two databases, what carries changes between them, and what stands before them. */
export interface Move {
  /** How whoever works on the move reaches each side: directly, past every pooler. */
  access: Record<Side, Access>;
  /** By the side whose changes it carries. */
  paths: Record<Side, Path>;
  pooler: Pooler;
  /** Has the commits of one side wait until the other one has them, while it is the writer. @default no commit waits */
  synchronous?: SynchronousWay | undefined;
}

/** Longest wait for a writer that is still at work when its side is fenced. */
export const LOCK_TIMEOUT_MS = 3_000;

/**
 * Makes both sides ready for the copy and for every flip after it: records, fences, publications, the guard of the schema. Blue
 * stays open and green is closed. The tables are on both sides already; it may be run again at any time.
 * @returns whether changes of the schema will be refused on each side
 */
export async function prepareMove(move: Move, who: string): Promise<Record<Side, boolean>> {
  await createRecords(move);
  const lease = await takeLease(move.access, { who });
  try {
    const { blue, green } = lease.at;
    for (const database of [blue, green]) {
      const catalog = await readCatalog(database);
      requireIdentities(catalog, database.side);
      await installFence(database, catalog);
      await ensurePublication(database, catalog);
    }
    // A blue that knows of no move takes the writes, whatever a green remembers that comes from an earlier one.
    const known = await green.one(`SELECT coalesce(max(number), -1) AS number FROM ${SCHEMA}.switch`);
    await blue.query(
      `INSERT INTO ${SCHEMA}.switch (number, epoch, writer) SELECT $2::bigint + 1, $1, 'blue' WHERE NOT EXISTS (SELECT FROM ${SCHEMA}.switch)`,
      [lease.epoch, field(known, "number")],
    );
    await closeTheOther(lease);
    return { blue: await installGuard(blue), green: await installGuard(green) };
  } finally {
    await lease.release();
  }
}

/** The lock names its holder in these tables, so they come first. */
async function createRecords({ access }: Move): Promise<void> {
  for (const side of ["blue", "green"] as const) {
    const database = new Database(side, access[side]);
    try {
      await database.query(RECORDS);
    } finally {
      await database.close();
    }
  }
}

async function closeTheOther({ at, epoch }: Lease): Promise<void> {
  const { writer } = await lastSwitch(at);
  const closed = at[otherSide(writer)];
  if ((await readFence(closed)) === "closed") return;
  const { tables } = await readCatalog(closed);
  await fence(closed, tables, { epoch, lockTimeoutMs: LOCK_TIMEOUT_MS });
}

/**
 * Gives the way back up, for good: nothing is carried any more, no slot of ours stays on either side, and the schema may change again. The side that is closed stays
 * closed, so that nobody writes there by mistake.
 */
export async function commitMove(move: Move, who: string): Promise<{ writer: Side }> {
  const lease = await takeLease(move.access, { who });
  try {
    const { writer } = await lastSwitch(lease.at);
    if ((await readFence(lease.at[writer])) !== "open")
      throw new Error(`a flip was begun and not ended, so ${writer} is closed; recover it first`);
    await move.synchronous?.end(lease.at);
    // Also of the other way: what a flip has made ahead, or could not take away, would keep log for ever.
    for (const side of [writer, otherSide(writer)]) {
      await move.paths[side].stop(lease.at);
      await dropSlot(lease.at[side]);
    }
    await removeGuard(lease.at.blue);
    await removeGuard(lease.at.green);
    return { writer };
  } finally {
    await lease.release();
  }
}
