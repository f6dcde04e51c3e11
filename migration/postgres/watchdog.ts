import { setTimeout as pause } from "node:timers/promises";
import type { Side } from "../side.ts";
import { Database } from "./database.ts";
import { isHeld, takeLease } from "./lock.ts";
import type { Move } from "./move.ts";
import { WATCHDOG } from "./names.ts";
import { type BegunFlip, openFlip } from "./records.ts";
import { type Recovery, recover, SplitBrain } from "./recover.ts";

export interface WatchdogOptions {
  /** Ends the watch. */
  signal: AbortSignal;
  /** Shown to an operator who meets it at work. */
  who: string;
  /** Called after each flip it finished or undid. */
  onRecovery?: (recovery: Recovery) => void;
  /** Called with what it could not do; it goes on trying. */
  onError?: (error: Error) => void;
}

const POLL_MS = 100;

/**
 * Watches over flips from the pooler's host. An operator's lock is the heartbeat: when a flip has no end and nobody holds the lock,
 * the operator has died; when the deadline has passed and the lock is still held, the operator is asleep or cut off. Either way the
 * flip is finished or undone here, so that nothing stays held because a laptop was closed.
 */
export async function watchFlips(move: Move, { signal, who, onRecovery, onError }: WatchdogOptions): Promise<void> {
  const watch = (side: Side) => new Database(side, move.access[side], { name: WATCHDOG });
  const at = { blue: watch("blue"), green: watch("green") };
  try {
    while (!signal.aborted) {
      try {
        await Promise.all([at.blue.query("SELECT"), at.green.query("SELECT")]);
        const left = await abandoned(at);
        if (left === undefined) continue;
        const recovery = await takeOver(move, who, left);
        if (recovery.unfinished !== undefined) throw new Error(recovery.unfinished);
        onRecovery?.(recovery);
      } catch (error) {
        onError?.(error instanceof Error ? error : new Error(String(error)));
        // Both sides are closed now, and only a person can open one.
        if (error instanceof SplitBrain) return;
      } finally {
        await pause(POLL_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  } finally {
    await Promise.all([at.blue.close(), at.green.close()]);
  }
}

/**
 * The record is read again after the lock: an operator who has ended has written the end before giving the lock up, and one who has
 * just begun took the lock before writing the beginning.
 */
async function abandoned(at: Record<Side, Database>): Promise<BegunFlip | undefined> {
  const flip = await openFlip(at.green);
  if (flip === undefined || flip.overdue) return flip;
  const held = (await isHeld(at.blue)) || (await isHeld(at.green));
  if (held || (await openFlip(at.green))?.id !== flip.id) return undefined;
  return flip;
}

async function takeOver(move: Move, who: string, { overdue }: BegunFlip): Promise<Recovery> {
  const lease = await takeLease(move.access, { who, takeOverFrom: () => overdue });
  try {
    return await recover(move, lease);
  } finally {
    await lease.release();
  }
}
