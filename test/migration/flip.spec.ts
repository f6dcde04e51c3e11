import { ok, strictEqual } from "node:assert";
import { flip } from "../../migration/postgres/flip.ts";
import { LINES } from "../../migration/postgres/lines.ts";
import { type Verification, verify } from "../../migration/postgres/verify/verify.ts";
import type { Major } from "./support/cluster.ts";
import { death } from "./support/faults.ts";
import { type LivePair, startLivePair } from "./support/run.ts";

/** The pairs of every test run; all of them, with every line on each, are in `npm run matrix`. */
const PAIRS: [Major, Major, way?: "push"][] = [
  [15, 15],
  [15, 17, "push"],
  [17, 18],
  [18, 16],
];
const who = "the test";

for (const [index, [blue, green, way]] of PAIRS.entries())
  describe(`writes that move from PostgreSQL ${blue} to ${green} and back${way === "push" ? ", pushed on the way back" : ""}`, function () {
    this.timeout(60_000);
    let pair: LivePair;
    before(async () => {
      pair = await startLivePair(blue, green, { pushed: way === "push" });
      await pair.shoppers.progress(100);
    });
    after(() => pair?.remove());

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

    // Each pair dies at every fourth line, so that all of them together die at each.
    for (const { name } of LINES.filter((_, line) => line % PAIRS.length === index))
      it(`goes on after the operator died at the beginning of ${name} and in the middle of it`, async () => {
        for (const fault of [death(name, 0), death(name, 3)]) {
          await fault.happen({ pair });
          await pair.intact();
        }
      });

    it("shows no client an error and leaves both sides with the same rows", async () => {
      await pair.finish();
      strictEqual(pair.shoppers.outcomes.errors.join("\n"), "");
      ok(pair.shoppers.outcomes.acked.length > 300);
      ok(pair.forgotten.outcomes.errors.length > 0, "the job past the pooler was refused on the closed side");
    });
  });
