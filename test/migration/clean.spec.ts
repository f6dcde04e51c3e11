import { deepStrictEqual, match, rejects, strictEqual } from "node:assert";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { cleanBlue } from "../../migration/mover/clean.ts";
import type { Configuration } from "../../migration/mover/configuration.ts";
import { Mailbox } from "../../migration/mover/mailbox.ts";
import { cleanBlueAlone } from "../../migration/postgres/clean.ts";
import type { Database } from "../../migration/postgres/database.ts";
import { flip } from "../../migration/postgres/flip.ts";
import { commitMove, prepareMove } from "../../migration/postgres/move.ts";
import { lastSwitch } from "../../migration/postgres/records.ts";
import { SynchronousWay } from "../../migration/postgres/synchronous.ts";
import { type LivePair, startLivePair } from "./support/run.ts";

const who = "the test";

/** All that costs a server something or stands in somebody's way: slots, publications, guards, fences, records. */
const TRACES = `SELECT (SELECT count(*) FROM pg_replication_slots) || ' ' || (SELECT count(*) FROM pg_publication) || ' '
  || (SELECT count(*) FROM pg_event_trigger) || ' ' || (SELECT count(*) FROM pg_trigger WHERE tgname LIKE '%bascule%') || ' '
  || (SELECT count(*) FROM pg_namespace WHERE nspname = 'bascule') AS found`;
const NONE = "0 0 0 0 0";

describe("what a move has put on blue", function () {
  this.timeout(60_000);
  let pair: LivePair;
  let folder: string;
  let configuration: Configuration;

  beforeEach(async () => {
    pair = await startLivePair(15, 17, { pooler: false });
    folder = mkdtempSync(join(tmpdir(), "bascule-clean-"));
    const { access } = pair.move;
    configuration = {
      access,
      move: pair.move,
      mailbox: new Mailbox(folder),
      role: "postgres",
      folder,
      freezeBudgetMs: 15_000,
      waiting: new SynchronousWay("green", join(folder, "waiting.conf")),
      patienceMs: 1_000,
      endLongTransactions: false,
      metricsFile: join(folder, "mover.prom"),
    };
    await pair.shoppers.progress(25);
  });
  afterEach(async () => {
    await pair.remove();
    rmSync(folder, { recursive: true });
  });

  const traces = async (at: Database) => (await at.one(TRACES)).found;

  it("is taken away by green, and by green's records too, while users write", async () => {
    strictEqual((await traces(pair.blue))?.startsWith("1 1 2 "), true);
    const cleaned = await cleanBlue(configuration, who);
    strictEqual(cleaned.blue, "cleaned");
    deepStrictEqual([await traces(pair.blue), await traces(pair.green)], [NONE, NONE]);
    await pair.shoppers.progress(25);
    deepStrictEqual(pair.shoppers.outcomes.errors, []);
    await pair.blue.query("CREATE TABLE public.made_after (id int)");
  });

  it("is taken away without green, where green was destroyed and is no more", async () => {
    await pair.clusters.green.kill();
    const cleaned = await cleanBlueAlone(pair.move.access.blue, who);
    deepStrictEqual([cleaned.slot, cleaned.records, cleaned.tables > 3], [true, true, true]);
    strictEqual(await traces(pair.blue), NONE);
    await pair.shoppers.progress(25);
    deepStrictEqual(pair.shoppers.outcomes.errors, []);
    const again = await cleanBlueAlone(pair.move.access.blue, who);
    deepStrictEqual([again.slot, again.records, again.tables], [false, false, 0]);
  });

  it("stays while green has the writes, and after the way back was given up, when it costs blue nothing", async () => {
    await flip(pair.move, { to: "green", who });
    const closed = await traces(pair.blue);
    await rejects(cleanBlue(configuration, who), /green takes the writes.*bascule rollback.*bascule data commit/);
    await rejects(cleanBlueAlone(pair.move.access.blue, who), /closed, as green took the writes.*bascule rollback/);
    strictEqual(await traces(pair.blue), closed);
    strictEqual(await pair.writer(), "green");
    await commitMove(pair.move, who);
    const kept = await cleanBlue(configuration, who);
    strictEqual(kept.blue, "kept");
    strictEqual((await traces(pair.blue))?.startsWith("0 "), true);
    strictEqual(await pair.writer(), "green");
  });

  it("waits for a table somebody is at work on, and holds nobody up for long", async () => {
    const other = pair.blue.another({ once: true });
    await other.query("BEGIN; INSERT INTO public.scratch VALUES (NULL)");
    const cleaning = cleanBlueAlone(pair.move.access.blue, who);
    await pause(4_000);
    await other.query("COMMIT");
    await cleaning;
    await other.close();
    strictEqual(await traces(pair.blue), NONE);
    await pair.shoppers.progress(25);
  });

  it("counts no more afterwards: a move that begins again has blue as the writer, whatever an old green remembers", async () => {
    await flip(pair.move, { to: "green", who });
    await pair.shoppers.progress(25);
    await flip(pair.move, { to: "blue", who });
    // As after a time without green.
    await cleanBlueAlone(pair.move.access.blue, who);
    await prepareMove(pair.move, who);
    strictEqual((await lastSwitch(pair)).writer, "blue");
    strictEqual(await pair.writer(), "blue");
  });

  it("is not touched in the middle of a flip", async () => {
    await pair.blue.query(
      "INSERT INTO bascule.flip (id, epoch, source, target, who, deadline) VALUES (gen_random_uuid(), 1, 'blue', 'green', 'x', now())",
    );
    await rejects(cleanBlueAlone(pair.move.access.blue, who), /a flip to green was begun.*bascule data recover/);
    match((await traces(pair.blue)) ?? "", /^1 1 2 /);
  });
});
