import pg from "pg";
import { Database } from "../migration/postgres/database.ts";
import { flip } from "../migration/postgres/flip.ts";
import type { SynchronousWay } from "../migration/postgres/synchronous.ts";
import type { Side } from "../migration/side.ts";
import { type Network, startNetwork } from "../test/migration/support/network.ts";
import { type Pair, startPair } from "../test/migration/support/pair.ts";
import { type Entry, type FigureValue, rounded } from "./figures.ts";
import type { Say } from "./scene.ts";

/** Both ways in turn, so that what else goes on meets both. */
const ROUNDS = 5;
const WRITES = 100;
/** One way, between green and blue. */
const DELAYS_MS = [0, 5];
const who = "the benchmark";

export const waiting: Entry = {
  about: "one write on green after the other, answered by green alone, and when blue has it, too: milliseconds, ratio",
  async run(say) {
    const figures = [];
    for (const delayMs of DELAYS_MS) {
      const value = await measure(delayMs, say);
      figures.push([`roundTrip${delayMs * 2}Ms`, { value, unit: "ms of a write" }] as const);
    }
    return Object.fromEntries(figures);
  },
};

/** From 17 to 15 by the push applier, as the product has it: beside green, and both servers write to disk. */
async function measure(delayMs: number, say: Say): Promise<FigureValue> {
  let network: Network | undefined;
  const peer = async (side: Side, port: number) => {
    if (side === "green") return port;
    network = await startNetwork(port, delayMs);
    return network.port;
  };
  const settings = { fsync: "on" };
  const pair = await startPair(15, 17, { pooler: false, pushed: true, synchronous: true, settings, peer });
  try {
    await flip(pair.move, { to: "green", who });
    const { synchronous } = pair.move;
    if (synchronous === undefined) throw new Error("nothing can wait");
    const took = { asynchronous: [] as number[], synchronous: [] as number[] };
    for (let round = 0; round < ROUNDS; round += 1) {
      await turn(pair, synchronous, false);
      took.asynchronous.push(...(await write(pair)));
      await turn(pair, synchronous, true);
      took.synchronous.push(...(await write(pair)));
    }
    const [alone, waited] = [quantiles(took.asynchronous), quantiles(took.synchronous)];
    say(`a round trip of ${delayMs * 2} ms: ${alone.median} ms without a wait, ${waited.median} ms with it`);
    return { asynchronous: alone, synchronous: waited, ratio: rounded(waited.median / alone.median) };
  } finally {
    await pair.remove();
    await network?.remove();
  }
}

async function turn({ move }: Pair, way: SynchronousWay, on: boolean): Promise<void> {
  const session = (side: "blue" | "green") =>
    new Database(side, move.access[side], { setup: ["SET synchronous_commit = local"] });
  const at = { blue: session("blue"), green: session("green") };
  try {
    await (on ? way.begin(at) : way.end(at));
  } finally {
    await Promise.all([at.blue.close(), at.green.close()]);
  }
}

/** Straight at green, one write after the other. */
async function write({ move }: Pair): Promise<number[]> {
  const client = new pg.Client({ ...move.access.green });
  await client.connect();
  const took: number[] = [];
  try {
    for (let n = 0; n < WRITES; n += 1) {
      const began = performance.now();
      await client.query("INSERT INTO ledger (token, delta) VALUES (gen_random_uuid(), 0)");
      took.push(performance.now() - began);
    }
  } finally {
    await client.end();
  }
  return took;
}

function quantiles(values: readonly number[]): { median: number; p95: number; worst: number } {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => rounded(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
  return { median: at(0.5), p95: at(0.95), worst: at(1) };
}
