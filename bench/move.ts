import { flip } from "../migration/postgres/flip.ts";
import { check, differences } from "../test/migration/support/checker.ts";
import type { Major } from "../test/migration/support/cluster.ts";
import { type Pair, type PairOptions, startPair } from "../test/migration/support/pair.ts";
import { startOperator } from "../test/migration/support/processes.ts";
import { startShoppers, type Writers } from "../test/migration/support/writer.ts";
import { ensurePooler } from "../tools/clients.ts";
import { type Entry, type Figure, median, rounded, seconds } from "./figures.ts";
import type { Say } from "./scene.ts";

/** From the oldest one that can be moved to the one a new server gets. */
const BLUE: Major = 15;
const GREEN: Major = 17;
const CLIENTS = 8;
const FREEZES = 20;
const ROLLBACKS = 10;
/** Writes that are answered between two flips, so that each meets a side that is at work. */
const BETWEEN = 200;
const who = "the benchmark";

/** What a measurement works on. */
export interface Run {
  pair: Pair;
  shoppers: Writers;
}

export const freeze: Entry = {
  about: "twenty flips of the writes, there and back: how long statements are held, requests that fail, writes lost",
  run: (say) =>
    withWriters(say, async ({ pair, shoppers }) => {
      const frozen: number[] = [];
      for (let run = 0; run < FREEZES; run += 1) {
        const { freezeMs } = await flip(pair.move, { to: run % 2 === 0 ? "green" : "blue", who });
        say(`flip ${run + 1} of ${FREEZES}: ${freezeMs.toFixed(0)} ms`);
        frozen.push(freezeMs);
        await shoppers.progress(BETWEEN);
      }
      return {
        runs: { value: frozen.length, unit: "flips" },
        medianMs: { value: rounded(median(frozen)), unit: "ms" },
        worstMs: { value: rounded(Math.max(...frozen)), unit: "ms" },
        slowestRequestMs: { value: rounded(shoppers.outcomes.slowestMs), unit: "ms" },
      };
    }),
};

export const dataRollback: Entry = {
  about: "a rollback of the data from its command to the first write answered by blue, with all writes kept",
  run: (say) =>
    withWriters(say, async ({ pair, shoppers }) => {
      const took: number[] = [];
      for (let run = 0; run < ROLLBACKS; run += 1) {
        await flip(pair.move, { to: "green", who });
        await shoppers.progress(BETWEEN);
        const began = performance.now();
        const operator = startOperator({ verb: "flip", place: pair.place, to: "blue" });
        const { code } = await operator.ended;
        if (code !== 0) throw new Error(operator.said.join("\n"));
        await shoppers.progress(1);
        took.push((performance.now() - began) / 1000);
        say(`rollback ${run + 1} of ${ROLLBACKS}: ${took.at(-1)?.toFixed(2)} s`);
      }
      return {
        runs: { value: took.length, unit: "rollbacks" },
        medianSeconds: seconds(median(took)),
        worstSeconds: seconds(Math.max(...took)),
      };
    }),
};

/** Measures with writers on a pair, and adds what became of their writes. @param options how it differs from one on loopback */
export async function withWriters(
  say: Say,
  measure: (run: Run) => Promise<Record<string, Figure>>,
  options: PairOptions = {},
): Promise<Record<string, Figure>> {
  await ensurePooler(say);
  say(`PostgreSQL ${BLUE} and ${GREEN} behind PgBouncer, ${CLIENTS} clients that write all the time`);
  const pair = await startPair(BLUE, GREEN, options);
  const shoppers = startShoppers(pair.application, CLIENTS);
  try {
    await shoppers.progress(BETWEEN);
    const figures = await measure({ pair, shoppers });
    await shoppers.stop();
    const { lost, duplicated, problems } = await check(pair.blue, shoppers);
    const differing = await differences(pair.blue, pair.green);
    for (const problem of [...problems, ...differing]) say(`wrong: ${problem}`);
    return {
      ...figures,
      writes: { value: shoppers.outcomes.acked.length, unit: "transactions answered" },
      failedRequests: { value: shoppers.outcomes.errors.length, unit: "transactions" },
      lost: { value: lost, unit: "transactions" },
      duplicated: { value: duplicated, unit: "rows" },
      differingTables: { value: differing.length, unit: "tables" },
    };
  } finally {
    await shoppers.stop();
    await pair.remove();
  }
}
