import { setTimeout as pause } from "node:timers/promises";
import { errorCode, passes } from "../errors.ts";
import { type Applied, Applier, type Lag, type Stream } from "./applier.ts";
import { ApplyError } from "./apply-error.ts";

/** What the applier says of itself, about once a second and whenever its state changes. */
export interface ApplierStatus extends Applied {
  state: "applying" | "current" | "waiting";
  lag: Lag;
  /** Why it waits for a side. */
  why?: string;
}

const EVERY_MILLISECONDS = 1000;
const IDLE_MILLISECONDS = 50;
const LONGEST_PAUSE = 5000;

/**
 * Keeps the target up with the source until `stop`. When either side goes away it waits for it; what it was doing is taken back
 * by the target and done again.
 * @throws ApplyError, or the error of a database, when a person must look
 */
export async function runApplier(
  stream: Stream,
  stop: AbortSignal,
  tell: (status: ApplierStatus) => void = () => {},
): Promise<void> {
  const total: Applied = { transactions: 0, rows: 0 };
  let backoff = 0;
  while (!stop.aborted) {
    let applier: Applier | undefined;
    try {
      applier = await Applier.open(stream, stop);
      await follow(applier, stop, (status) => {
        backoff = 0;
        tell({ ...status, rows: total.rows + status.rows, transactions: total.transactions + status.transactions });
      });
    } catch (error) {
      if (stop.aborted) return;
      if (error instanceof ApplyError || !passes(error)) throw error;
      backoff = Math.min(LONGEST_PAUSE, Math.max(100, backoff * 2));
      tell({
        ...total,
        state: "waiting",
        lag: applier?.lag ?? { bytes: 0, seconds: 0, rows: 0 },
        why: sentence(error),
      });
      await rest(backoff, stop);
    } finally {
      total.rows += applier?.applied.rows ?? 0;
      total.transactions += applier?.applied.transactions ?? 0;
      await applier?.close();
    }
  }
}

async function follow(applier: Applier, stop: AbortSignal, tell: (status: ApplierStatus) => void): Promise<void> {
  let state: ApplierStatus["state"] | undefined;
  let told = 0;
  const report = (now: ApplierStatus["state"]) => {
    if (now === state && performance.now() - told < EVERY_MILLISECONDS) return;
    state = now;
    told = performance.now();
    tell({ state: now, lag: applier.lag, ...applier.applied });
  };
  const ticking = setInterval(() => report(state ?? "applying"), EVERY_MILLISECONDS);
  try {
    while (!stop.aborted) {
      if (!(await applier.behind())) {
        report("current");
        await applier.arrival(IDLE_MILLISECONDS);
        continue;
      }
      const began = performance.now();
      const worked = await applier.pass();
      report(worked ? "applying" : "current");
      // A log full of what is not ours is decoded for nothing, so that takes no more than half of the time.
      if (!worked) await applier.arrival(Math.max(IDLE_MILLISECONDS, performance.now() - began));
    }
  } finally {
    clearInterval(ticking);
  }
}

function sentence(error: unknown): string {
  const code = errorCode(error);
  const text = error instanceof Error ? error.message : String(error);
  return code === undefined ? text : `${text} (${code})`;
}

/** Waits, but not beyond the stop. */
async function rest(milliseconds: number, stop: AbortSignal): Promise<void> {
  await pause(milliseconds, undefined, { signal: stop }).catch(() => undefined);
}
