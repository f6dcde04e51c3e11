import { setTimeout as sleep } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";
import pg from "pg";
import { rounded } from "./figures.ts";
import type { Latencies, OpenWrites } from "./open-writes.ts";

const CONNECTIONS = 10;

let going = true;
parentPort?.once("message", () => {
  going = false;
});
parentPort?.postMessage(await write(workerData));

async function write({ access, rate, transaction }: OpenWrites): Promise<Latencies> {
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
  const open: Promise<void>[] = [];
  const begun = performance.now();
  for (let number = 1; going; number += 1) {
    const due = begun + (number * 1_000) / rate;
    await sleep(Math.max(0, due - performance.now()));
    open.push(one(number, due));
  }
  await Promise.all(open);
  await pool.end();
  took.sort((a, b) => a - b);
  const at = (share: number) => rounded(took[Math.floor(took.length * share)] ?? 0);
  return { transactions: took.length, median: at(0.5), p95: at(0.95) };
}
