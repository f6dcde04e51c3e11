import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert";
import { setTimeout as pause } from "node:timers/promises";
import { openAlone } from "../../migration/postgres/alone.ts";
import { Database } from "../../migration/postgres/database.ts";
import { flip } from "../../migration/postgres/flip.ts";
import { onGround } from "./support/ground.ts";
import { AT_ONCE, loseGreen } from "./support/loss.ts";
import { startLivePair } from "./support/run.ts";

const who = "the test";

describe("a rollback that cannot wait", function () {
  this.timeout(60_000);
  it("goes on without a way back where somebody else's transaction keeps one from being made", async () => {
    const pair = await startLivePair(15, 16);
    const other = new Database("blue", { ...pair.move.access.blue, database: "postgres" }, { once: true });
    try {
      await flip(pair.move, { to: "green", who });
      await pair.shoppers.progress(50);
      await other.query("CREATE TABLE kept_open (id int)");
      await other.query("BEGIN");
      await other.query("INSERT INTO kept_open VALUES (1)");
      await pause(1_100);
      await rejects(flip(pair.move, { to: "blue", who }), /INSERT INTO kept_open/);
      const report = await flip(pair.move, { to: "blue", who, evenWithoutWayBack: true });
      match(String(report.wayBackMissing), /statement timeout/);
      strictEqual(await pair.writer(), "blue");
      await pair.intact();
      await rejects(flip(pair.move, { to: "green", who }), /green is not current/);
      strictEqual(pair.shoppers.outcomes.errors.join("\n"), "");
    } finally {
      await other.close();
      await pair.remove();
    }
  });
});

describe("a side that is gone for good", function () {
  this.timeout(60_000);
  it("leaves the other one with all it had sent, which is opened only when nobody answers there", () =>
    onGround({ versions: [15, 16], pooled: true, pushed: false, delayMs: 0 }, async ({ pair, networks }) => {
      await pair.shoppers.progress(50);
      await flip(pair.move, { to: "green", who });
      await pair.shoppers.progress(50);
      await rejects(openAlone(pair.move, "blue", who), /green answers/);
      const { answered, verdict } = await loseGreen(pair, networks.green);
      const { lost, duplicated, problems } = verdict;
      strictEqual(pair.shoppers.outcomes.errors.filter((error) => error.includes("duplicate key")).length, 0);
      ok(answered > 5 * AT_ONCE, `${answered} writes were answered that blue did not get`);
      ok(
        lost > AT_ONCE && lost <= answered + 50,
        `${lost} of the last ${answered} writes were lost, and none before them`,
      );
      strictEqual(duplicated, 0);
      deepStrictEqual(
        problems.filter((problem) => !problem.endsWith("lost")),
        [],
      );
    }));
});

describe("a side whose rows were changed behind its fence", function () {
  this.timeout(60_000);
  it("is not flipped to once a server of 18 has counted a change without its row", async () => {
    const pair = await startLivePair(17, 18, { pooler: false });
    try {
      await pair.shoppers.progress(50);
      await pair.green.query("BEGIN; SET LOCAL session_replication_role = replica; DELETE FROM public.account; COMMIT");
      await pair.shoppers.progress(50);
      let refused = false;
      for (const deadline = Date.now() + 15_000; !refused && Date.now() < deadline; await pause(500))
        refused = await pair.move.paths.blue
          .trouble({ blue: pair.blue, green: pair.green })
          .then((trouble) => trouble?.includes("met rows of green that were missing") ?? false);
      await rejects(flip(pair.move, { to: "green", who }), /green is not current: \d+ change\(s\) met rows of green/);
    } finally {
      await pair.remove();
    }
  });
});
