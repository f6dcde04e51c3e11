import { parseArgs } from "node:util";
import { ensureClocks, ensurePooler } from "../../tools/clients.ts";
import type { Fault } from "./support/fault.ts";
import { FAULTS } from "./support/faults.ts";
import { type GroundOptions, lastLook, onGround, tryFault, versionsOf } from "./support/ground.ts";
import { endOnSignals } from "./support/interrupt.ts";

const HELP = `Every fault during a flip of the writes, on every pair of versions, with and without a pooler. After each one exactly one
side is open and has every write that was answered; at the end both sides have the same rows. 'npm test' runs a fixed part of it.

  --pairs A-B,...     versions of blue and green        [15-15,15-17,15-18,17-17,17-18,18-16]
  --poolers LIST      of pgbouncer, none                [pgbouncer,none]
  --ways LIST         of native, push: how green's changes come to blue
                                                        [native,push]
  --networks LIST     of near, far (50 ms round trip)   [near,far]
  --faults TEXT,...   only those with one of these texts in their name
  --at-once N         combinations that are tried at the same time; far ones do little but wait [1]
  --list              print the faults

Exit code 0 when all passed, 130 after an interrupt, which takes away the servers that were started.

Example:
  $ npm run matrix -- --pairs 15-17 --poolers pgbouncer --faults killed
`;

const { values } = parseArgs({
  options: {
    pairs: { type: "string", default: "15-15,15-17,15-18,17-17,17-18,18-16" },
    poolers: { type: "string", default: "pgbouncer,none" },
    ways: { type: "string", default: "native,push" },
    networks: { type: "string", default: "near,far" },
    faults: { type: "string", default: "" },
    "at-once": { type: "string", default: "1" },
    list: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
const faults = FAULTS.filter(({ name }) => values.faults.split(",").some((text) => name.includes(text)));
const FAR_MS = 25;

if (values.help) process.stdout.write(HELP);
else if (values.list) for (const { name } of faults) console.log(name);
else process.exitCode = await runAll();

async function runAll(): Promise<number> {
  const interrupted = endOnSignals();
  const say = (line: string) => console.log(line);
  await ensurePooler(say);
  await ensureClocks(say);
  for (const { name, missing } of faults) if (missing?.() !== undefined) say(`left out: ${name}: ${missing()}`);
  const tried = faults.filter(({ missing }) => missing?.() === undefined);
  const waiting = combinations();
  let failures = 0;
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const began = performance.now();
      const failed = await runPair(tried, next.options);
      if (interrupted.aborted) return;
      failures += failed.length;
      const took = ((performance.now() - began) / 1000).toFixed(0);
      const word = failed.length === 0 ? "pass" : "FAIL";
      say(
        [`${word}  ${next.name}  ${tried.length} faults, ${took} s`, ...failed.map((line) => `      ${line}`)].join(
          "\n",
        ),
      );
    }
  };
  await Promise.all(Array.from({ length: Number(values["at-once"]) }, work));
  return failures > 0 ? 1 : 0;
}

function combinations(): { name: string; options: GroundOptions }[] {
  const all: { name: string; options: GroundOptions }[] = [];
  for (const pair of values.pairs.split(","))
    for (const pooler of values.poolers.split(","))
      for (const way of values.ways.split(","))
        for (const network of values.networks.split(","))
          all.push({
            name: [pair, pooler, way, network].join("  "),
            options: {
              versions: versionsOf(pair),
              pooled: pooler === "pgbouncer",
              pushed: way === "push",
              delayMs: network === "far" ? FAR_MS : 0,
            },
          });
  return all;
}

/** One after the other on the same pair, so that each meets what the ones before have left. */
function runPair(tried: Fault[], options: GroundOptions): Promise<string[]> {
  return onGround(options, async (ground) => {
    await ground.pair.shoppers.progress(50);
    const failed: string[] = [];
    for (const fault of tried) failed.push(...(await tryFault(fault, ground)));
    return [...failed, ...(await lastLook(ground, options.pooled))];
  }).catch((error: unknown) => [error instanceof Error ? error.message : String(error)]);
}
