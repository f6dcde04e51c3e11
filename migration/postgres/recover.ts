import { otherSide, type Side } from "../side.ts";
import { readCatalog } from "./catalog.ts";
import { type FenceState, fence, readFence, unfence } from "./fence.ts";
import type { Lease } from "./lock.ts";
import { fenceArrived, slotFollowsFence } from "./marker.ts";
import { LOCK_TIMEOUT_MS, type Move } from "./move.ts";
import { SCHEMA } from "./names.ts";
import type { Sessions } from "./path.ts";
import { lastSwitch, openFlip, recordEnd, recordSwitch } from "./records.ts";
import { dropSlot, ensureSlot } from "./stream.ts";
import type { SynchronousWay } from "./synchronous.ts";

/** Both sides took writes, or a fence is in pieces: nobody can say which side is right, so both are closed and a person decides. */
export class SplitBrain extends Error {}

/** What recovery found and left. */
export interface Recovery {
  writer: Side;
  /** `nothing` was begun; a flip was `finished`, as its commit point had passed; or `undone`. */
  did: "nothing" | "finished" | "undone";
  /** Why the other side is no longer current, so that a next flip takes a new copy. */
  wayLost?: string;
  /** Why the slot of a way back that was half made is still there. Nobody is held up, but no flip begins before it is gone. */
  unfinished?: string;
}

/**
 * Brings a move whose operator died at any moment to one open side with traffic on it. What is true is read from the two fences;
 * records only say which side was open last. May itself die and be run again.
 */
export async function recover(move: Move, lease: Lease): Promise<Recovery> {
  const [blue, green] = await Promise.all([readFence(lease.at.blue), readFence(lease.at.green)]);
  const fences = { blue, green };
  await refuseSplit(lease, fences);
  const open = (["blue", "green"] as const).find((side) => fences[side] === "open");
  const closed = open === undefined;
  const writer = open ?? (await lastSwitch(lease.at)).writer;
  const wayLost = closed ? await undo(move, lease, writer) : await mendWay(move, lease.at, writer);
  if (!closed && move.synchronous?.from !== writer) await move.synchronous?.end(lease.at);
  await move.pooler.point(writer);
  await move.pooler.resume();
  const unfinished = await leftBehind(lease, writer);
  const did = await endOf(lease, writer);
  // An open record is what makes the watchdog, or the next run, try again.
  if (unfinished === undefined)
    for (const side of [lease.at.blue, lease.at.green]) await recordEnd(side, null, did, []);
  return {
    writer,
    did,
    ...(wayLost === undefined ? {} : { wayLost }),
    ...(unfinished === undefined ? {} : { unfinished }),
  };
}

async function refuseSplit(lease: Lease, fences: Record<Side, FenceState>): Promise<void> {
  const { at } = lease;
  const known = await at.blue.one(`SELECT split FROM ${SCHEMA}.operator`);
  if (typeof known.split === "string") throw new SplitBrain(known.split);
  const open = (["blue", "green"] as const).filter((side) => fences[side] !== "closed");
  if (open.length < 2 && !open.some((side) => fences[side] === "mixed")) return;
  for (const side of open) {
    const { tables } = await readCatalog(at[side]);
    await fence(at[side], tables, { epoch: lease.epoch, lockTimeoutMs: LOCK_TIMEOUT_MS });
  }
  const why =
    `blue was ${fences.blue} and green was ${fences.green}, so both may have taken writes; both are closed now. ` +
    "Compare them, then name the side that is right (settleSplit)";
  for (const database of [at.blue, at.green]) await database.query(`UPDATE ${SCHEMA}.operator SET split = $1`, [why]);
  throw new SplitBrain(why);
}

/** After a person has compared both sides: the next recovery opens this one, and a new copy has to be made. */
export async function settleSplit(lease: Lease, right: Side): Promise<void> {
  const { number } = await lastSwitch(lease.at);
  await lease.at[right].query(recordSwitch(number + 1, lease.epoch, right));
  for (const database of [lease.at.blue, lease.at.green])
    await database.query(`UPDATE ${SCHEMA}.operator SET split = NULL`);
}

/** Both sides are closed: the one that was open before is opened again, after what carries its changes is there again. */
async function undo(move: Move, { at, epoch }: Lease, writer: Side): Promise<string | undefined> {
  const other = otherSide(writer);
  if (move.synchronous?.from !== writer) await move.synchronous?.end(at);
  await move.paths[other].stop(at);
  const wayLost = await restoreWay(move, at, writer);
  if (move.synchronous?.from === writer) await waitAgain(move.synchronous, at, wayLost);
  const { tables } = await readCatalog(at[writer]);
  const { number } = await lastSwitch(at);
  await unfence(at[writer], tables, { epoch, lockTimeoutMs: LOCK_TIMEOUT_MS }, recordSwitch(number + 1, epoch, writer));
  return wayLost;
}

/** Where it cannot begin its state says so, and whoever watches over it tries again: traffic comes first. */
async function waitAgain(synchronous: SynchronousWay, at: Sessions, wayLost: string | undefined): Promise<void> {
  if (wayLost === undefined) await synchronous.begin(at).catch(() => undefined);
  else await synchronous.end(at);
}

/**
 * A slot that was dropped is made anew while nobody can write, so the copy goes on from there; but only where the other side has
 * everything, which the marker written after the fence proves. One that is still there goes on, as its sender may stand still and keep it.
 */
async function restoreWay(move: Move, at: Sessions, writer: Side): Promise<string | undefined> {
  const path = move.paths[writer];
  const trouble = await path.trouble(at);
  if (trouble === undefined) return undefined;
  const flip = await openFlip(at[writer]);
  if (flip === undefined || !(await fenceArrived(at, path, flip.id))) return trouble;
  try {
    await path.stop(at);
    if (!(await slotFollowsFence(at, path))) {
      await dropSlot(at[writer]);
      await ensureSlot(at, writer);
    }
    await path.start(at);
    return undefined;
  } catch (error) {
    // Traffic comes first; what is lost is the next flip's short way, and that is said.
    return error instanceof Error ? error.message : String(error);
  }
}

/**
 * One side is open and stays so. Its slot, if there is one, was made while nobody could write, so a way that could not be begun then,
 * as the servers did not reach each other, is begun now.
 * @returns why the other side is not current, or undefined
 */
export async function mendWay(move: Move, at: Sessions, writer: Side): Promise<string | undefined> {
  const path = move.paths[writer];
  const trouble = await path.trouble(at);
  if (trouble === undefined) return undefined;
  if (!(await slotFollowsFence(at, path))) return trouble;
  try {
    await path.start(at);
    return await path.trouble(at);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Where its sender stands still, the slot of a way back that was half made stays for as long; users need not wait for that. */
async function leftBehind({ at }: Lease, writer: Side): Promise<string | undefined> {
  try {
    await dropSlot(at[otherSide(writer)]);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function endOf({ at }: Lease, writer: Side): Promise<Recovery["did"]> {
  const [row] = await at.blue.query(
    `SELECT target FROM ${SCHEMA}.flip WHERE ended IS NULL ORDER BY epoch DESC LIMIT 1`,
  );
  return row === undefined ? "nothing" : row.target === writer ? "finished" : "undone";
}
