import { flip } from "../../../migration/postgres/flip.ts";
import { LINES } from "../../../migration/postgres/lines.ts";
import { otherSide } from "../../../migration/side.ts";
import { CLOCK_FAULTS } from "./clocks.ts";
import { death, during, type Fault } from "./fault.ts";
import { SENDER_STALLS } from "./stalls.ts";

const who = "the test";

/** The network between both servers takes everything and brings nothing, until all else was looked at. */
function standstill(line: string): Fault {
  return during(
    `replication stalls at ${line} past the budget`,
    line,
    ({ networks }) => {
      for (const network of [networks.blue, networks.green]) network.hold();
    },
    async ({ networks, pair }) => {
      // Users go on where they were, or where they are now.
      await pair.shoppers.progress(10);
      for (const network of [networks.blue, networks.green]) network.release();
    },
  );
}

export const FAULTS: Fault[] = [
  {
    name: "none",
    async happen({ pair }) {
      for (let times = 0; times < 2; times += 1) await flip(pair.move, { to: otherSide(await pair.writer()), who });
    },
  },
  ...LINES.flatMap(({ name }) => [death(name, 0), death(name, 3)]),
  during(
    "replication stalls for 300 ms in the freeze",
    "F1",
    ({ networks }, from) => {
      networks[from].hold();
      setTimeout(() => networks[from].release(), 300);
    },
    async () => {},
  ),
  ...["F3", "F7"].map(standstill),
  ...SENDER_STALLS,
  ...CLOCK_FAULTS,
  ...["F3", "F7", "F9"].map((line) =>
    during(
      `servers cut off from each other at ${line}`,
      line,
      ({ networks }) => {
        for (const network of [networks.blue, networks.green]) network.cut();
      },
      async ({ networks }) => {
        for (const network of [networks.blue, networks.green]) network.mend();
      },
    ),
  ),
  ...["F3", "F6", "F9"].map((line) =>
    during(
      `the other side's server loses power at ${line}`,
      line,
      ({ pair }, from) => pair.clusters[otherSide(from)].kill(),
      async ({ pair }) => {
        for (const cluster of [pair.clusters.blue, pair.clusters.green]) if (!cluster.running) await cluster.start();
      },
    ),
  ),
];
