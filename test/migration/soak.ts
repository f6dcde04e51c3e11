import { parseArgs } from "node:util";
import { ensureClocks, ensurePooler } from "../../tools/clients.ts";
import type { Fault } from "./support/fault.ts";
import { FAULTS } from "./support/faults.ts";
import { lastLook, onGround, tryFault, versionsOf } from "./support/ground.ts";
import { endOnSignals } from "./support/interrupt.ts";

const HELP = `Random faults during flips of the writes, there and back, for as long as you like. The same seed makes the same faults in
the same order. Ends with 0 when no write was lost and nothing else was wrong, with 130 after an interrupt, which takes away
the servers that were started.

  --minutes N     how long              [10]
  --seed N        of the choice         [the time of day]
  --pair A-B      versions of blue and green; without it each round of 20 faults takes another pair

Example:
  $ npm run soak -- --minutes 30 --seed 7
`;

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    pair: { type: "string" },
    help: { type: "boolean", default: false },
  },
});
const PAIRS = ["15-15", "15-17", "15-18", "17-17", "17-18", "18-16"];
const ROUND = 20;

if (values.help) process.stdout.write(HELP);
else process.exitCode = await soak(Number(values.minutes), Number(values.seed));

async function soak(minutes: number, seed: number): Promise<number> {
  if (!(minutes > 0) || !Number.isInteger(seed))
    throw new Error("--minutes takes a number above 0, --seed a whole number");
  const interrupted = endOnSignals();
  await ensurePooler((line) => console.log(line));
  await ensureClocks((line) => console.log(line));
  const faults = FAULTS.filter(({ missing }) => missing?.() === undefined);
  const end = Date.now() + minutes * 60_000;
  const choose = generator(seed);
  let wrong = 0;
  console.log(`seed ${seed}`);
  while (Date.now() < end && wrong === 0 && !interrupted.aborted) {
    const pair = values.pair ?? pick(PAIRS, choose);
    const lines = await round(pair, faults, choose, end).catch((error: unknown) => ["FAIL", String(error)]);
    if (interrupted.aborted) break;
    wrong = lines.length - 1;
    console.log(lines.join("\n      "));
  }
  return wrong > 0 ? 1 : 0;
}

/** @returns a line for all of it, and one for each thing that was wrong */
function round(pair: string, from: Fault[], choose: () => number, end: number): Promise<string[]> {
  return onGround({ versions: versionsOf(pair), pooled: true, pushed: choose() < 0.5, delayMs: 0 }, async (ground) => {
    let wrong: string[] = [];
    let faults = 0;
    for (; faults < ROUND && Date.now() < end && wrong.length === 0; faults += 1)
      wrong = await tryFault(pick(from, choose), ground);
    wrong.push(...(await lastLook(ground, true)));
    const { acked } = ground.pair.shoppers.outcomes;
    const word = wrong.length === 0 ? "pass" : "FAIL";
    return [`${word}  ${pair}  ${faults} faults, ${acked.length} writes answered`, ...wrong];
  });
}

function pick<T>(from: readonly T[], choose: () => number): T {
  const one = from[Math.floor(choose() * from.length)];
  if (one === undefined) throw new Error("there is nothing to choose from");
  return one;
}

/** Numbers from 0 to 1 that a seed repeats (mulberry32). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
