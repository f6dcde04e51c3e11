import { match, ok, strictEqual } from "node:assert";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Mailbox } from "../../migration/mover/mailbox.ts";
import { type DataStatus, dataStatus } from "../../migration/mover/status.ts";
import { pointWriter } from "../../migration/mover/writer-link.ts";
import { flip } from "../../migration/postgres/flip.ts";
import { inspect } from "../../migration/postgres/inspect/inspect.ts";
import { SynchronousWay } from "../../migration/postgres/synchronous.ts";
import { otherSide } from "../../migration/side.ts";
import { clockMissing, HOUR_MS } from "./support/clock.ts";
import { startOperator } from "./support/processes.ts";
import { type LivePair, settled, startLivePair } from "./support/run.ts";

const who = "the test";

/** All of this file, the last one first. */
const FLIPS = "blue finished,blue undone,green finished,blue finished,green finished";

/** What would be a lag in earnest; the clocks are two hours apart. */
const LONG_SECONDS = 60;

describe("a move between servers whose clocks are two hours apart", function () {
  this.timeout(60_000);
  let pair: LivePair;
  before(async function () {
    const missing = clockMissing();
    if (missing !== undefined) {
      console.log(`      left out: ${missing}`);
      this.skip();
    }
    pair = await startLivePair(15, 17, { pushed: true, clocks: { blue: -HOUR_MS, green: HOUR_MS } });
    // What a copy leaves; here the rows came without one.
    await pair.green.query("SET bascule.operator = 'on'");
    await pair.green.query("CREATE TABLE bascule.copy AS SELECT clock_timestamp() AS ended");
    await pair.shoppers.progress(50);
  });
  after(() => pair?.remove());

  async function status(): Promise<DataStatus> {
    const folder = mkdtempSync(join(tmpdir(), "bascule-clocks-"));
    try {
      pointWriter(folder, await pair.writer());
      const { move } = pair;
      const waiting = new SynchronousWay("green", join(folder, "waiting.conf"));
      const common = {
        role: "postgres",
        folder,
        freezeBudgetMs: 15_000,
        endLongTransactions: false,
        patienceMs: 1_000,
        metricsFile: join(folder, "mover.prom"),
      };
      return await dataStatus({ access: move.access, move, mailbox: new Mailbox(folder), waiting, ...common });
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  it("is told so by the inspection", async () => {
    const { findings } = await inspect({ blue: pair.blue, green: pair.green });
    match(findings.map(({ what }) => what).join("\n"), /clocks of blue and green are 7[12]\d\d s apart/);
  });

  /** Keeps the other side from applying anything, and looks at what is told of that. */
  async function whileBehind(look: () => Promise<unknown>): Promise<void> {
    const closed = pair[otherSide(await pair.writer())].another();
    try {
      await closed.query("BEGIN");
      await closed.query("LOCK TABLE public.account IN ACCESS EXCLUSIVE MODE");
      await pause(1_500);
      await look();
    } finally {
      await closed.close();
    }
  }

  it("says how far green is behind by the clock that dated its changes", () =>
    whileBehind(async () => {
      const { lag } = await status();
      ok(lag !== null && lag.bytes > 0, "green is behind");
      ok(lag.seconds > 0.5 && lag.seconds < LONG_SECONDS, `${lag.seconds} s`);
    }));

  it("goes there and back without loss", async () => {
    for (const to of ["green", "blue", "green"] as const) {
      await flip(pair.move, { to, who });
      await pair.intact();
    }
  });

  it("says the same of blue, to which changes are pushed", () =>
    whileBehind(async () => {
      const told = () => JSON.parse(readFileSync(`${pair.place.applier}.log`, "utf8").trim().split("\n").at(-1) ?? "");
      const seconds = () => (told() as { lag: { seconds: number } }).lag.seconds;
      for (const until = performance.now() + 8_000; seconds() < 0.5 && performance.now() < until; await pause(100));
      ok(seconds() > 0.5 && seconds() < LONG_SECONDS, `${seconds()} s`);
    }));

  it("is put back by the watchdog when its operator dies, and not while one is at work", async () => {
    const watchdog = startOperator({ verb: "watch", place: pair.place });
    const from = await pair.writer();
    const dead = startOperator({
      verb: "flip",
      place: pair.place,
      to: otherSide(from),
      dieAt: { line: "F7", afterMs: 0 },
    });
    await dead.ended;
    await settled(pair, 8_000);
    strictEqual(await pair.writer(), from);
    await pair.intact();
    await flip(pair.move, { to: otherSide(from), who, requireWatchdog: true });
    watchdog.child.kill("SIGTERM");
    await watchdog.ended;
    strictEqual(watchdog.said.filter((line) => line.includes('"did"')).length, 1, watchdog.said.join("\n"));
  });

  it("lists the flips in the order in which they were, also where a clock was set back meanwhile", async () => {
    await pair.green.query(
      "UPDATE bascule.flip SET began = began - interval '1 day' WHERE epoch = (SELECT max(epoch) FROM bascule.flip)",
    );
    const { flips } = await status();
    strictEqual(flips.map(({ to, outcome }) => `${to} ${outcome}`).join(), FLIPS);
    await pair.finish();
    strictEqual(pair.shoppers.outcomes.errors.join("\n"), "");
  });
});
