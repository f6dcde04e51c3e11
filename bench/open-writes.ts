import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import type { Access } from "../migration/postgres/database.ts";
import { rounded } from "./figures.ts";

/** What a shop does for one order, as statements of one transaction; `$1` is the number of the transaction. */
export type Transaction = readonly string[];

/** Milliseconds from when a transaction was due to its commit, so that a stall counts for all that waited. */
export interface Latencies {
  transactions: number;
  median: number;
  p95: number;
}

const CONNECTIONS = 10;

/** Transactions at a fixed rate, begun whether or not earlier ones are done, while `work` runs. @throws Error of the first that fails */
export async function withOpenWrites(
  access: Access,
  { rate, transaction }: { rate: number; transaction: Transaction },
  work: () => Promise<unknown>,
): Promise<Latencies> {
  const pool = new pg.Pool({ ...access, max: CONNECTIONS, min: CONNECTIONS });
  const took: number[] = [];
  const one = async (number: number, due: number) => {
    const client = await pool.connect();
    try {
      await client.query("BEGIN");
      for (const statement of transaction) await client.query(statement, [number]);
      await client.query("COMMIT");
    } finally {
      client.release();
    }
    took.push(performance.now() - due);
  };
  const open: Promise<unknown>[] = [];
  const failures: unknown[] = [];
  let going = true;
  const begun = performance.now();
  const schedule = async () => {
    for (let number = 1; going; number += 1) {
      const due = begun + (number * 1_000) / rate;
      await sleep(Math.max(0, due - performance.now()));
      open.push(one(number, due).catch((error: unknown) => failures.push(error)));
    }
  };
  const scheduled = schedule();
  try {
    await work();
  } finally {
    going = false;
    await scheduled;
    await Promise.all(open);
    await pool.end();
  }
  if (failures.length > 0) throw failures[0];
  took.sort((a, b) => a - b);
  const at = (share: number) => rounded(took[Math.floor(took.length * share)] ?? 0);
  return { transactions: took.length, median: at(0.5), p95: at(0.95) };
}
