import { flip } from "../migration/postgres/flip.ts";
import { LINES, type Line } from "../migration/postgres/lines.ts";
import { check } from "../test/migration/support/checker.ts";
import { onGround } from "../test/migration/support/ground.ts";
import { READ_ONLY_SWITCH } from "../test/migration/support/mutations.ts";
import { ensurePooler } from "../tools/clients.ts";
import { type Entry, type FigureValue, rounded } from "./figures.ts";

const RUNS = 5;
/** One way between the servers: two data centres of one country. */
const DELAY_MS = 10;
const WRITES = 200;

/** What a way of switching did to the writers, over all runs. */
interface Effect {
  freezes: number[];
  failed: number;
  lost: number;
}

export const switches: Entry = {
  about:
    "a flip beside a switch by read-only roles in the order of pg_easy_replicate: freeze, failed requests, lost writes",
  async run(say) {
    await ensurePooler(say);
    const ours: Effect = { freezes: [], failed: 0, lost: 0 };
    const readOnly: Effect = { freezes: [], failed: 0, lost: 0 };
    // In turn, so that whatever else the machine does meets both.
    for (let run = 0; run < RUNS; run += 1) {
      await once(LINES, ours);
      await once(READ_ONLY_SWITCH, readOnly);
      say(`run ${run + 1} of ${RUNS}: lost ${ours.lost} by ours and ${readOnly.lost} by the other, so far`);
    }
    return {
      runs: { value: RUNS, unit: "switches each" },
      ours: { value: figuresOf(ours), unit: "ms, transactions" },
      readOnlySwitch: { value: figuresOf(readOnly), unit: "ms, transactions" },
    };
  },
};

/** A switch on a fresh pair, with clients of the pooler and a job that goes past it. */
function once(lines: readonly Line[], effect: Effect): Promise<void> {
  return onGround({ versions: [15, 17], pooled: true, pushed: false, delayMs: DELAY_MS }, async ({ pair }) => {
    await pair.shoppers.progress(WRITES);
    const { freezeMs } = await flip(pair.move, { to: "green", who: "the benchmark", lines });
    await pair.shoppers.progress(WRITES);
    await Promise.all([pair.shoppers.stop(), pair.forgotten.stop()]);
    effect.freezes.push(freezeMs);
    effect.failed += pair.shoppers.outcomes.errors.length;
    effect.lost += (await check(pair.green, pair.shoppers, pair.forgotten)).lost;
  });
}

function figuresOf({ freezes, failed, lost }: Effect): FigureValue {
  const sorted = [...freezes].sort((a, b) => a - b);
  return {
    medianMs: rounded(sorted[Math.floor(sorted.length / 2)] ?? 0),
    worstMs: rounded(sorted.at(-1) ?? 0),
    failedRequests: failed,
    lost,
  };
}
