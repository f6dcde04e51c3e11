import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { type FlipReport, flip } from "../../migration/postgres/flip.ts";
import { LINES } from "../../migration/postgres/lines.ts";
import { type Verification, verify } from "../../migration/postgres/verify/verify.ts";
import { death } from "./support/fault.ts";
import { FAULTS } from "./support/faults.ts";
import {
  type GroundOptions,
  lastLook,
  onGround,
  type StandingGround,
  startGround,
  tryFault,
} from "./support/ground.ts";
import type { LivePair } from "./support/run.ts";

/**
 * What every test run tries: each pair dies at every fourth line, so that all of them together die at each, and meets other kinds of
 * faults. All of it on each pair is in `npm run matrix`.
 */
const GROUNDS: (GroundOptions & { faults: string[] })[] = [
  {
    ...{ versions: [15, 15], pooled: true, pushed: false, delayMs: 0 },
    faults: ["the sender stands still before the flip", "the other side's server loses power at F9"],
  },
  {
    ...{ versions: [15, 17], pooled: true, pushed: true, delayMs: 0 },
    faults: ["the sender stands still for 300 ms in the freeze", "servers cut off from each other at F9"],
  },
  {
    ...{ versions: [17, 18], pooled: false, pushed: false, delayMs: 0 },
    faults: ["the sender stands still when its way is ended", "the operator's clock leaps ahead"],
  },
  {
    ...{ versions: [18, 16], pooled: true, pushed: false, delayMs: 0 },
    faults: ["the sender stands still on the way back", "replication stalls at F7 past the budget"],
  },
];
const who = "the test";

for (const [index, { faults, ...ground }] of GROUNDS.entries())
  describe(`writes that move ${nameOf(ground)}, and back`, function () {
    this.timeout(60_000);
    let place: StandingGround;
    let pair: LivePair;
    before(async () => {
      place = await startGround(ground);
      pair = place.pair;
      await pair.shoppers.progress(100);
    });
    after(() => place?.remove());

    it("loses none, holds no client up for long, and needs no new copy for the next time", async () => {
      for (const to of ["green", "blue", "green", "blue"] as const) {
        const { freezeMs } = await flip(pair.move, { to, who });
        ok(freezeMs > 0 && freezeMs < 5_000, `${freezeMs} ms`);
        strictEqual(await pair.writer(), to);
        await pair.intact();
      }
    });

    it("proves both sides equal as they were in the freeze, while writes go on", async () => {
      let verdict: Verification | undefined;
      const { proof } = await flip(pair.move, {
        to: "green",
        who,
        prove: async (snapshots) => {
          await pair.shoppers.progress(20);
          verdict = await verify(pair, { snapshots });
        },
      });
      await proof;
      ok(verdict?.equal, JSON.stringify(verdict));
      ok(verdict.tables.some(({ table, rows }) => table.includes("ledger") && rows.green > 500));
      await flip(pair.move, { to: "blue", who });
    });

    for (const { name } of LINES.filter((_, line) => line % GROUNDS.length === index))
      it(`goes on after the operator died at the beginning of ${name} and in the middle of it`, async () => {
        for (const fault of [death(name, 0), death(name, 3)]) {
          await fault.happen({ pair });
          await pair.intact();
        }
      });

    for (const name of faults)
      it(`loses none where ${name}`, async () => {
        const fault = FAULTS.find((one) => one.name === name);
        ok(fault !== undefined);
        deepStrictEqual(await tryFault(fault, place), []);
      });

    it("leaves both sides with the same rows, and showed no client of a pooler an error", async () => {
      deepStrictEqual(await lastLook(place, ground.pooled), []);
      ok(pair.shoppers.outcomes.acked.length > 300);
      ok(pair.forgotten.outcomes.errors.length > 0, "the job past the pooler was refused on the closed side");
    });
  });

describe("writes that move to a distant server, and back", function () {
  this.timeout(60_000);
  it("are not lost, and no client sees an error, with 50 ms for each round trip", () =>
    onGround({ versions: [17, 18], pooled: true, pushed: true, delayMs: 25 }, async (ground) => {
      await ground.pair.shoppers.progress(50);
      for (const to of ["green", "blue"] as const) {
        await flip(ground.pair.move, { to, who });
        await ground.pair.intact();
      }
      deepStrictEqual(await lastLook(ground, true), []);
    }));
});

describe("writes that move from a distant server, and back", function () {
  this.timeout(60_000);
  const ROUND_TRIP_MS = 50;
  /** Of the whole freeze, with what the servers ask each other and work themselves. */
  const ROUND_TRIPS = 32;
  /** Of lines that are one question, or two, and the work of it. */
  const FEW: [line: string, roundTrips: number][] = [
    ["F2", 2],
    ["F4", 2],
    ["F5", 2],
    ["F6", 2],
    ["F8", 3],
    ["F10", 2],
    ["F11", 2],
  ];
  it("are held for no more round trips than they need", () =>
    onGround(
      { versions: [15, 17], pooled: true, pushed: false, delayMs: ROUND_TRIP_MS / 2, beside: "green" },
      async ({ pair }) => {
        // The best of two: others may be at work on this machine.
        const reports: FlipReport[] = [];
        for (const to of ["green", "blue", "green", "blue"] as const) {
          reports.push(await flip(pair.move, { to, who, prove: async () => undefined }));
          await pair.shoppers.progress(8);
        }
        await pair.intact();
        for (const to of ["green", "blue"] as const) {
          const own = reports.filter((report) => report.to === to);
          const best = (of: (report: FlipReport) => number) => Math.min(...own.map(of));
          const lineMs = (name: string) => best(({ lines }) => lines.find(({ line }) => line === name)?.ms ?? 0);
          const slow = FEW.filter(([name, most]) => lineMs(name) >= (most + 0.5) * ROUND_TRIP_MS);
          deepStrictEqual(
            slow.map(([name]) => `${name}: ${lineMs(name)} ms`),
            [],
            `to ${to}`,
          );
          const freezeMs = best((report) => report.freezeMs);
          ok(freezeMs < ROUND_TRIPS * ROUND_TRIP_MS, `to ${to}: ${freezeMs} ms`);
        }
      },
    ));
});

function nameOf({ versions: [blue, green], pooled, pushed }: GroundOptions): string {
  const more = [pooled ? [] : ["without a pooler"], pushed ? ["pushed on the way back"] : []];
  return [`from PostgreSQL ${blue} to ${green}`, ...more.flat()].join(", ");
}
