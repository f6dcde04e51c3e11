import pg from "pg";
import { Database } from "../migration/postgres/database.ts";
import { flip } from "../migration/postgres/flip.ts";
import type { SynchronousWay } from "../migration/postgres/synchronous.ts";
import { onGround } from "../test/migration/support/ground.ts";
import type { Pair } from "../test/migration/support/pair.ts";
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

/** From 17 to 15 by the push applier, as the product has it; both servers write to disk. */
function measure(delayMs: number, say: Say): Promise<FigureValue> {
  const settings = { fsync: "on" };
  const options = { versions: [15, 17], pooled: false, pushed: true, delayMs, synchronous: true, settings } as const;
  return onGround(options, async ({ pair }) => {
    await Promise.all([pair.shoppers.stop(), pair.forgotten.stop()]);
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
    const [without, with_] = [quantiles(took.asynchronous), quantiles(took.synchronous)];
    say(`a round trip of ${delayMs * 2} ms: ${without.median} ms without a wait, ${with_.median} ms with it`);
    return { asynchronous: without, synchronous: with_, ratio: rounded(with_.median / without.median) };
  });
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

/** Past what stands between the operator and green: the delay is that between the two servers. */
async function write({ clusters, move }: Pair): Promise<number[]> {
  const client = new pg.Client({ ...move.access.green, port: clusters.green.port });
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
