import { strictEqual } from "node:assert";
import { flip } from "../../../migration/postgres/flip.ts";
import { otherSide } from "../../../migration/side.ts";
import { clockMissing, HOUR_MS } from "./clock.ts";
import { again, type Fault } from "./fault.ts";
import { startOperator } from "./processes.ts";

const who = "the test";

/** Clocks that are wrong: nothing of a move may depend on what time it is, or on two clocks saying the same. */
export const CLOCK_FAULTS: Fault[] = [
  operatorsClock("leaps ahead", HOUR_MS),
  operatorsClock("leaps back", -HOUR_MS),
  serversClock("an hour ahead", HOUR_MS),
  serversClock("an hour behind", -HOUR_MS),
];

/** By an hour at each look, so that whatever waits for a time of day waits for ever or not at all. */
function operatorsClock(how: string, clockLeapMs: number): Fault {
  return {
    name: `the operator's clock ${how}`,
    async happen({ pair }) {
      const to = otherSide(await pair.writer());
      const operator = startOperator({ verb: "flip", place: pair.place, to, clockLeapMs });
      strictEqual((await operator.ended).code, 0, operator.said.join("\n"));
      strictEqual(await pair.writer(), to);
    },
  };
}

/** From a restart on; the writes go to that server and come back, and its clock is put right while it has them not. */
function serversClock(how: string, clockMs: number): Fault {
  return {
    name: `the other side's clock is ${how}`,
    missing: clockMissing,
    async happen({ pair }) {
      const from = await pair.writer();
      const to = otherSide(from);
      const restart = async (offMs: number) => {
        await pair.clusters[to].kill();
        await pair.clusters[to].start(offMs);
      };
      await restart(clockMs);
      try {
        await flip(pair.move, { to, who });
        await pair.intact();
        await flip(pair.move, { to: from, who });
      } finally {
        if ((await pair.writer()) === from) await restart(0);
      }
      await again(pair, to);
    },
  };
}
