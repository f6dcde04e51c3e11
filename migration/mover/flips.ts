import { setTimeout as pause } from "node:timers/promises";
import { requireWatchdog } from "../postgres/checks.ts";
import { Database } from "../postgres/database.ts";
import { AlreadyThere, FlipAborted, FlipRefused, flip, type LineEvent } from "../postgres/flip.ts";
import { takeLease } from "../postgres/lock.ts";
import { commitMove } from "../postgres/move.ts";
import { type Recovery, recover } from "../postgres/recover.ts";
import type { Snapshots } from "../postgres/snapshots.ts";
import { verify } from "../postgres/verify/verify.ts";
import { otherSide, type Side } from "../side.ts";
import type { Configuration } from "./configuration.ts";
import { type KeysMoved, moveKeys, requireKeysFollow } from "./keys/verbs.ts";
import { say } from "./output.ts";
import { type Proof, proofOf, readProof, writeProof } from "./proof.ts";
import { hasTable } from "./synchronise.ts";

/** How a flip went, and what the comparison of both sides at the moment of the freeze said. */
export interface FlipResult {
  from: Side;
  to: Side;
  freezeMs: number;
  lines: { line: string; ms: number }[];
  proof: Proof;
  /** Of the keys, which follow the rows; left out where none move, or where they were there already. */
  keys?: KeysMoved;
}

/** How long the service may take to be connected to both sides. */
const WATCH_MS = 10_000;

/**
 * Moves the writes to a side, watched over by the service, and the keys after them; compares both sides once traffic goes on. Whether the
 * keys could follow is looked at before; where they did not all the same, it is run again.
 */
export async function moveWrites(configuration: Configuration, to: Side, who: string): Promise<FlipResult> {
  const { move, mailbox, freezeBudgetMs: budgetMs, endLongTransactions, folder, keys } = configuration;
  await requireCopy(configuration);
  if (keys !== undefined) await requireKeysFollow(keys, to);
  mailbox.watch = true;
  try {
    await watched(configuration);
    const onLine = ({ line, what, phase, ms }: LineEvent) => {
      if (phase === "end") say({ event: "line", line, what, ms: Math.round((ms ?? 0) * 10) / 10 });
    };
    const prove = (snapshots: Snapshots) => compare(configuration, snapshots);
    const options = { to, who, budgetMs, endLongTransactions, requireWatchdog: true, onLine, prove };
    const { proof, ...report } = await flip(move, options);
    mailbox.watch = false;
    const proven = Promise.resolve(proof)
      .catch((error: unknown) => error)
      .then((result) => {
        const said = proofOf(result);
        writeProof(folder, said);
        return said;
      });
    proven.catch(() => undefined);
    const moved = await keysAfter(configuration, to);
    say({ event: "flipped", freezeMs: report.freezeMs, to, ...moved });
    return { ...report, proof: await proven, ...moved };
  } catch (error) {
    // Otherwise something is left to be done, or nobody knows how it ended, and the service sees to it.
    const recovery = error instanceof FlipAborted || error instanceof AlreadyThere ? error.recovery : undefined;
    if ((error instanceof FlipRefused || error instanceof FlipAborted) && recovery?.unfinished === undefined)
      mailbox.watch = false;
    if (!(error instanceof AlreadyThere)) throw error;
    const moved = await keysAfter(configuration, to);
    say({ event: "flipped", freezeMs: 0, to, ...moved });
    const proof = readProof(folder) ?? proofOf(undefined);
    return { from: otherSide(to), to, freezeMs: 0, lines: [], proof, ...moved };
  }
}

/** @throws Error where the rows have moved and the keys have not */
async function keysAfter({ keys, freezeBudgetMs }: Configuration, to: Side): Promise<Pick<FlipResult, "keys">> {
  try {
    const moved = keys === undefined ? undefined : await moveKeys(keys, to, freezeBudgetMs);
    return moved === undefined ? {} : { keys: moved };
  } catch (error) {
    throw new Error(`the rows are at ${to}, but not all is: ${messageOf(error)}`, { cause: error });
  }
}

/** @throws FlipRefused before there is anything to move to */
async function requireCopy({ access }: Configuration): Promise<void> {
  const green = new Database("green", access.green);
  try {
    if (await hasTable(green, "copy")) return;
  } finally {
    await green.close();
  }
  throw new FlipRefused("nothing was brought to green yet: bascule sync");
}

async function watched({ access }: Configuration): Promise<void> {
  const at = { blue: new Database("blue", access.blue), green: new Database("green", access.green) };
  try {
    for (const deadline = Date.now() + WATCH_MS; ; await pause(50)) {
      try {
        return await requireWatchdog(at);
      } catch (error) {
        if (Date.now() > deadline) throw new FlipRefused(messageOf(error), { cause: error });
      }
    }
  } finally {
    await Promise.all([at.blue.close(), at.green.close()]);
  }
}

/** Sessions of its own, as those of the flip are gone when it ends. */
function compare({ access }: Configuration, { blue, green }: Snapshots): Promise<unknown> {
  const at = { blue: new Database("blue", access.blue), green: new Database("green", access.green) };
  return verify(at, { snapshots: { blue, green } });
}

/** Gives the way back up. The next move looks anew whether green can make a subscription. */
export async function commit({ move, mailbox }: Configuration, who: string): Promise<{ writer: Side }> {
  const committed = await commitMove(move, who);
  mailbox.pushes = false;
  return committed;
}

/** Brings a move whose operator died to one open side, as the watchdog does by itself. */
export async function putRight({ move, mailbox }: Configuration, who: string): Promise<Recovery> {
  const lease = await takeLease(move.access, { who });
  try {
    const recovery = await recover(move, lease);
    if (recovery.unfinished === undefined) mailbox.watch = false;
    return recovery;
  } finally {
    await lease.release();
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
