import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { Access } from "../migration/postgres/database.ts";

/** Users of a database who come at a fixed rate. */
export interface OpenWrites {
  access: Access;
  /** Transactions a second, begun whether or not earlier ones are done. */
  rate: number;
  /** Statements of each; `$1` is its number. */
  transaction: readonly string[];
}

/** Milliseconds from when a transaction was due to its commit, so that a stall counts for all that waited. */
export interface Latencies {
  transactions: number;
  median: number;
  p95: number;
}

/**
 * Users who are there while `work` runs; in a thread of their own, as this one's own work would hold their answers up.
 * @throws Error of the first transaction that fails
 */
export async function withOpenWrites(users: OpenWrites, work: () => Promise<unknown>): Promise<Latencies> {
  const worker = new Worker(new URL("./open-writes-worker.ts", import.meta.url), { workerData: users });
  const ended = once(worker, "message") as Promise<[Latencies]>;
  // Whoever fails before the work is over is heard of after it.
  ended.catch(() => undefined);
  try {
    await work();
  } finally {
    worker.postMessage("end");
  }
  const [latencies] = await ended;
  return latencies;
}
