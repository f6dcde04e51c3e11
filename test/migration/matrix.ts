import { parseArgs } from "node:util";
import { ensurePooler } from "../../tools/clients.ts";
import { FAULTS } from "./support/faults.ts";
import { type GroundOptions, lastLook, onGround, tryFault, versionsOf } from "./support/ground.ts";

const HELP = `Every fault during a flip of the writes, on every pair of versions, with and without a pooler. After each one exactly one
side is open and has every write that was answered; at the end both sides have the same rows. 'npm test' runs a fixed part of it.

  --pairs A-B,...     versions of blue and green        [15-15,15-17,15-18,17-17,17-18,18-16]
  --poolers LIST      of pgbouncer, none                [pgbouncer,none]
  --ways LIST         of native, push: how green's changes come to blue
                                                        [native,push]
  --networks LIST     of near, far (50 ms round trip)   [near,far]
  --faults TEXT       only those with this text in their name
  --list              print the faults

Exit code 0 when all passed.

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
    list: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
const faults = FAULTS.filter(({ name }) => name.includes(values.faults));
const FAR_MS = 25;

if (values.help) process.stdout.write(HELP);
else if (values.list) for (const { name } of faults) console.log(name);
else process.exitCode = await runAll();

async function runAll(): Promise<number> {
  await ensurePooler((line) => console.log(line));
  let failures = 0;
  for (const pair of values.pairs.split(","))
    for (const pooler of values.poolers.split(","))
      for (const [way, network] of both(values.ways.split(","), values.networks.split(","))) {
        const began = performance.now();
        const failed = await runPair({
          versions: versionsOf(pair),
          pooled: pooler === "pgbouncer",
          pushed: way === "push",
          delayMs: network === "far" ? FAR_MS : 0,
        });
        failures += failed.length;
        const took = ((performance.now() - began) / 1000).toFixed(0);
        const word = failed.length === 0 ? "pass" : "FAIL";
        console.log(`${word}  ${pair}  ${pooler}  ${way}  ${network}  ${faults.length} faults, ${took} s`);
        for (const line of failed) console.log(`      ${line}`);
      }
  return failures > 0 ? 1 : 0;
}

function both(ways: string[], networks: string[]): [string, string][] {
  return ways.flatMap((way) => networks.map((network): [string, string] => [way, network]));
}

/** One after the other on the same pair, so that each meets what the ones before have left. */
function runPair(options: GroundOptions): Promise<string[]> {
  return onGround(options, async (ground) => {
    await ground.pair.shoppers.progress(50);
    const failed: string[] = [];
    for (const fault of faults) failed.push(...(await tryFault(fault, ground)));
    return [...failed, ...(await lastLook(ground, options.pooled))];
  }).catch((error: unknown) => [error instanceof Error ? error.message : String(error)]);
}
