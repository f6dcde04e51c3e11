import { otherSide, type Side } from "../side.ts";
import { readCatalog } from "./catalog.ts";
import { Database, field } from "./database.ts";
import { unfence } from "./fence.ts";
import { lockAlone } from "./lock.ts";
import { LOCK_TIMEOUT_MS, type Move } from "./move.ts";
import { SCHEMA } from "./names.ts";
import { recordSwitch } from "./records.ts";
import { advancePastRows } from "./sequences.ts";
import { subscribed } from "./stream.ts";

/** Leaves room for every number the lost side can have given to itself. */
const FAR_AHEAD = 1_000;

/**
 * Opens a side whose other side is gone for good, with what it has: what the lost side had taken and not yet sent is missing. The lost
 * side must never come back as it is, but be set up anew.
 * @throws Error while the other side answers: then a flip loses nothing
 */
export async function openAlone(move: Move, side: Side, who: string): Promise<void> {
  const lost = otherSide(side);
  const gone = new Database(lost, move.access[lost]);
  if (await answers(gone))
    throw new Error(`${lost} answers, so nothing needs to be lost: flip the writes to ${side} instead`);
  const { database, epoch } = await lockAlone(side, move.access[side], who);
  try {
    await endWay(move, database, gone);
    await advancePastRows(database);
    const { tables } = await readCatalog(database);
    const last = await database.one(`SELECT coalesce(max(number), 0) AS number FROM ${SCHEMA}.switch`);
    const number = Number(field(last, "number")) + FAR_AHEAD;
    await unfence(database, tables, { epoch, lockTimeoutMs: LOCK_TIMEOUT_MS }, recordSwitch(number, epoch, side));
    await move.pooler.point(side);
    await move.pooler.resume();
  } finally {
    await database.close();
  }
}

/** Nothing of the lost side may arrive any more, should it wake up. Its slot stays behind there. */
async function endWay(move: Move, database: Database, gone: Database): Promise<void> {
  const at = database.side === "blue" ? { blue: database, green: gone } : { blue: gone, green: database };
  const failure = await move.paths[gone.side].stop(at).catch((error: unknown) => error);
  if (await subscribed(database, gone.side))
    throw new Error(`the subscription to ${gone.side} cannot be dropped`, { cause: failure });
}

async function answers(database: Database): Promise<boolean> {
  try {
    await database.query("SELECT");
    return true;
  } catch {
    return false;
  } finally {
    await database.close();
  }
}
