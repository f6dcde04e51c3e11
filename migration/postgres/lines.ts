import type { Side } from "../side.ts";
import type { Catalog } from "./catalog.ts";
import {
  publicationDiffers,
  requireNoLongTransactions,
  requireNonePrepared,
  requirePublished,
  requireSameShape,
  requireWatchdog,
} from "./checks.ts";
import { fence, readFence, requireFences, unfence } from "./fence.ts";
import { type Lease, requireEpoch } from "./lock.ts";
import { awaitMarker, evenMarkers, type Marker, writeFenceMarker, writeMarker } from "./marker.ts";
import { LOCK_TIMEOUT_MS, type Move } from "./move.ts";
import { lastSwitch, recordBegin, recordSwitch } from "./records.ts";
import { mendWay } from "./recover.ts";
import { advanceSequences } from "./sequences.ts";
import { openSnapshotSessions, type SnapshotSessions, type Snapshots } from "./snapshots.ts";
import { dropSlot, ensurePublication, ensureSlot } from "./stream.ts";

/** What the lines of one flip work on, and what they leave for each other. */
export interface Flip {
  readonly id: string;
  readonly move: Move;
  readonly lease: Lease;
  /** The side that is open before. */
  readonly from: Side;
  /** The side that is open afterwards. */
  readonly to: Side;
  readonly budgetMs: number;
  readonly endLongTransactions: boolean;
  readonly requireWatchdog: boolean;
  /** Whether to go on where no way back can be begun. */
  readonly evenWithoutWayBack: boolean;
  /** Compares both sides as they were at the fence, while traffic goes on. */
  readonly prove?: ((snapshots: Snapshots) => Promise<unknown>) | undefined;
  catalog: Catalog;
  /** Which opening of a side this one is, counted from the beginning of the move. */
  number: number;
  marker?: Marker;
  /** Why there is no way back, where the flip went on without one. */
  wayBackMissing?: string;
  /** Opened before anybody is held. */
  snapshotSessions?: SnapshotSessions;
  snapshots?: Snapshots;
  proof?: Promise<unknown>;
}

/** One step; done twice it leaves what doing it once does. */
export interface Line {
  name: string;
  /** For the one who watches. */
  what: string;
  run(flip: Flip): Promise<void>;
}

/** The first line that holds anybody up, the one that cannot be taken back, and the last one users wait for. */
export const FREEZE = "F1";
export const COMMIT_POINT = "F10";
export const RESUMED = "F11";

export const LINES: readonly Line[] = [
  { name: "F0", what: "look whether the way is free", run: look },
  { name: "F1", what: "hold new statements", run: ({ move }) => move.pooler.pause() },
  { name: "F2", what: "close the side that was open", run: close },
  { name: "F3", what: "wait until everything has arrived", run: drain },
  { name: "F4", what: "keep both sides as they are now, for the proof", run: keep },
  { name: "F5", what: "look for tables and errors that came up meanwhile", run: lookAgain },
  { name: "F6", what: "advance sequences", run: sequences },
  { name: "F7", what: "end the way there", run: endWayThere },
  { name: "F8", what: "remember from here on what the other side writes", run: remember },
  { name: "F9", what: "begin the way back", run: wayBack },
  { name: "F10", what: "open the other side", run: open },
  { name: "F11", what: "let statements go there", run: release },
  { name: "F12", what: "prove in the background", run: prove },
];

async function look(flip: Flip): Promise<void> {
  const { move, lease, from, to, budgetMs } = flip;
  const { at } = lease;
  const path = move.paths[from];
  const trouble = await mendWay(move, at, from);
  if (trouble !== undefined) throw new Error(`${to} is not current: ${trouble}`);
  if (flip.requireWatchdog) await requireWatchdog(at);
  flip.catalog = await requireSameShape(at);
  await requirePublished(at[from], flip.catalog);
  // Setting it anew would wait for a VACUUM.
  if ((await publicationDiffers(at[to], flip.catalog)) !== undefined) await ensurePublication(at[to], flip.catalog);
  for (const database of [at.blue, at.green]) {
    await requireNonePrepared(database);
    // On the other side they only keep a slot from being made.
    if (database.side === to && flip.evenWithoutWayBack) continue;
    await requireNoLongTransactions(database, flip.endLongTransactions);
  }
  await move.pooler.canHold(budgetMs);
  // With writes going on: a side that is far behind would be waited for with everybody held.
  await awaitMarker(at, path, await writeMarker(at, path, `before ${flip.id}`), budgetMs / 3);
  if (flip.prove !== undefined) flip.snapshotSessions = await openSnapshotSessions(at);
  await move.paths[to].prepare(at);
  // Both databases are ours alone from here on, so it stays the last one.
  flip.number = (await lastSwitch(at)).number + 1;
  await recordBegin(at, { id: flip.id, source: from, target: to, who: lease.who, epoch: lease.epoch, budgetMs });
}

function close({ lease, from, catalog, endLongTransactions }: Flip): Promise<void> {
  return fence(lease.at[from], catalog.tables, {
    epoch: lease.epoch,
    lockTimeoutMs: LOCK_TIMEOUT_MS,
    endHolders: endLongTransactions,
  });
}

async function drain(flip: Flip): Promise<void> {
  const { move, lease, from, budgetMs } = flip;
  const path = move.paths[from];
  flip.marker = await writeFenceMarker(lease.at, path, flip.id);
  await awaitMarker(lease.at, path, flip.marker, budgetMs);
}

async function keep(flip: Flip): Promise<void> {
  flip.snapshots = await flip.snapshotSessions?.hold();
}

async function lookAgain({ move, lease, from, catalog }: Flip): Promise<void> {
  const [trouble] = await Promise.all([
    move.paths[from].trouble(lease.at),
    requireNonePrepared(lease.at[from]),
    requireFences(lease.at[from], catalog),
  ]);
  if (trouble !== undefined) throw new Error(trouble);
}

async function sequences({ lease, from, to }: Flip): Promise<void> {
  await advanceSequences(lease.at[from], lease.at[to]);
}

/** Who waits for the other side would wait for ever once nothing goes there. */
async function endWayThere({ move, lease, from }: Flip): Promise<void> {
  await move.synchronous?.end(lease.at);
  await move.paths[from].stop(lease.at);
  await dropSlot(lease.at[from]);
}

async function remember(flip: Flip): Promise<void> {
  const { at } = flip.lease;
  const slot = ensureSlot(at, flip.to).catch((error: unknown) => {
    if (!flip.evenWithoutWayBack) throw error;
    flip.wayBackMissing = error instanceof Error ? error.message : String(error);
  });
  // Nothing reads the slot before the next line.
  await Promise.all([evenMarkers(at, flip.to), slot]);
}

async function wayBack({ id, move, lease, to, budgetMs, wayBackMissing }: Flip): Promise<void> {
  const path = move.paths[to];
  if (wayBackMissing !== undefined) return await path.stop(lease.at);
  // The slot keeps the marker until somebody reads it.
  const [, marker] = await Promise.all([path.start(lease.at), writeFenceMarker(lease.at, path, id)]);
  await awaitMarker(lease.at, path, marker, budgetMs);
  // Still closed, so the first write there is answered as every later one.
  if (move.synchronous?.from === to) await move.synchronous.begin(lease.at);
}

async function open({ lease, from, to, catalog, number }: Flip): Promise<void> {
  const { at, epoch } = lease;
  if ((await readFence(at[from])) !== "closed") throw new Error(`${from} is open, so ${to} must stay closed`);
  const options = { epoch, lockTimeoutMs: LOCK_TIMEOUT_MS };
  await unfence(at[to], catalog.tables, options, recordSwitch(number, epoch, to));
}

async function release({ move, lease, to }: Flip): Promise<void> {
  // Whoever was stopped here for a while must not send traffic where it no longer belongs.
  await requireEpoch(lease.at[to], lease.epoch);
  await move.pooler.point(to);
  await move.pooler.resume();
}

async function prove(flip: Flip): Promise<void> {
  const { snapshots, prove } = flip;
  if (snapshots === undefined || prove === undefined) return;
  flip.proof = prove(snapshots).finally(() => snapshots.release());
}
