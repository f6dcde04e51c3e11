import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert";
import { setTimeout as pause } from "node:timers/promises";
import { flip } from "../../migration/postgres/flip.ts";
import { streamName } from "../../migration/postgres/names.ts";
import { dropSlot, subscriptionRefusal } from "../../migration/postgres/stream.ts";
import type { SyncStatus } from "../../migration/postgres/sync/sync.ts";
import { verify } from "../../migration/postgres/verify/verify.ts";
import { freePort } from "./support/cluster.ts";
import { content } from "./support/databases.ts";
import { type Managed, startManaged } from "./support/managed.ts";

const who = "the test";

/** One table takes two seconds, however fast the machine is, so that all others are copied before it; values that text must carry as they are. */
const LARGE = `
  CREATE FUNCTION slow(id int) RETURNS boolean LANGUAGE plpgsql AS
    'BEGIN IF id % 3000 = 0 THEN PERFORM pg_catalog.pg_sleep(0.1); END IF; RETURN true; END';
  CREATE TABLE large (id int PRIMARY KEY CHECK (slow(id)), n int, filler text);
  INSERT INTO large SELECT g, 0, repeat(md5(g::text), 8) FROM generate_series(1, 60000) g;
  CREATE TYPE mood AS ENUM ('sad', 'it''s');
  CREATE TABLE odd (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, b bytea, f float8, moods mood[], t timestamptz, what text);
  INSERT INTO odd (b, f, moods, t, what) VALUES ('\\x00ff0a', 0.1::float8 + 0.2::float8, '{sad,it''s}', 'infinity', E'\\\\N\\t\\n\\r\\\\.'),
    (NULL, 'NaN', '{}', '0044-03-15 BC', ''), ('', '-0', NULL, now(), E'\\\\.\\n🛒');
  CREATE TABLE only_generated (g int GENERATED ALWAYS AS (1) STORED); ALTER TABLE only_generated REPLICA IDENTITY FULL;
  INSERT INTO only_generated DEFAULT VALUES; INSERT INTO only_generated DEFAULT VALUES;
  CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child (PRIMARY KEY (id)) INHERITS (parent);
  INSERT INTO parent VALUES (1); INSERT INTO child VALUES (2)`;

describe("a copy where green can make no subscription", function () {
  this.timeout(90_000);
  let pair: Managed;
  before(async () => {
    pair = await startManaged(15, 17, { pushed: true });
    await pair.blue.query(LARGE);
    await pair.shoppers.progress(50);
  });
  after(() => pair?.remove());

  const noted = async () =>
    (await pair.green.query("SELECT relation FROM bascule.apply_since ORDER BY 1")).map(({ relation }) => relation);

  it("says why a server cannot subscribe, by having tried", async () => {
    strictEqual(await subscriptionRefusal(pair.green, pair.blue.access), undefined);
    const closed = { ...pair.blue.access, port: await freePort() };
    match((await subscriptionRefusal(pair.green, closed)) ?? "", /could not connect to the publisher/);
    strictEqual((await pair.green.one("SELECT count(*) FROM pg_subscription")).count, "0");
  });

  it("goes on after it was ended in the rows: with the tables that were finished, and the others from another moment", async () => {
    const broken = pair.sync({
      tell: ({ progress }) => {
        if (progress !== undefined && progress.tables.done === progress.tables.all - 1)
          throw new Error("ended in the rows");
      },
    });
    await rejects(broken, /ended in the rows/);
    const first = await noted();
    ok(first.includes('"public"."ledger"') && !first.includes('"public"."large"'), first.join());
    strictEqual((await pair.green.one("SELECT count(*) FROM large")).count, "0");
    strictEqual((await pair.platform.one("SELECT count(*) FROM pg_replication_slots")).count, "1");
    await endsBesideOpenTransaction();
    // Both in the slot and in the later snapshot: brought twice they would be refused, left out they would be missing.
    await pair.blue.query(
      "INSERT INTO large VALUES (0, 7, 'between'); UPDATE large SET n = n + 1 WHERE id <= 500; DELETE FROM large WHERE id = 600",
    );
    const told: SyncStatus[] = [];
    let changed = false;
    const writer = pair.blue.another();
    await pair.sync({
      tell: (status) => {
        told.push(status);
        if (status.progress === undefined || changed) return;
        changed = true;
        void writer.query("UPDATE large SET n = n + 1 WHERE id <= 500; INSERT INTO large VALUES (-1, 1, 'meanwhile')");
      },
    });
    await writer.close();
    ok(changed);
    const last = told.findLast(({ progress }) => progress !== undefined)?.progress;
    strictEqual(last?.tables.done, last?.tables.all);
    for (const table of ["odd", "only_generated", "parent", "ONLY parent"])
      deepStrictEqual(await content(pair.green, table), await content(pair.blue, table), table);
  });

  /** A snapshot waits for whoever has written, and who gives the copy up does not. */
  const endsBesideOpenTransaction = async () => {
    const open = pair.blue.another();
    await open.query("BEGIN; UPDATE large SET n = n WHERE id = 1");
    const began = performance.now();
    const waits = "SELECT FROM pg_stat_activity WHERE query LIKE 'CREATE_REPLICATION_SLOT%' AND state = 'active'";
    const broken = pair.sync({
      tell: ({ progress }) => {
        if (progress !== undefined && performance.now() - began > 1_000) throw new Error("ended before the snapshot");
      },
    });
    try {
      await rejects(Promise.race([broken, pause(10_000, "nothing")]), /ended before the snapshot/);
    } finally {
      await open.query("ROLLBACK");
      await open.close();
    }
    deepStrictEqual(await pair.platform.query(waits), []);
  };

  it("flips there and back, twice, with the applier both ways, and loses nothing", async () => {
    for (const to of ["green", "blue", "green", "blue"] as const) {
      await flip(pair.move, { to, who });
      await pair.intact(to);
    }
  });

  it("takes all rows anew where they were brought once, and a flip has begun the way since", async () => {
    deepStrictEqual(await noted(), []);
    await pair.green.query("UPDATE bascule.copy SET rows_ready = NULL, ended = NULL");
    await pair.sync();
    ok((await noted()).length > 5);
    for (const table of ["odd", "only_generated"])
      deepStrictEqual(await content(pair.green, table), await content(pair.blue, table), table);
  });

  it("takes all rows anew where the slot was lost", async () => {
    await pair.move.paths.blue.stop(pair);
    await dropSlot(pair.blue);
    await pair.shoppers.progress(25);
    await pair.green.query("UPDATE bascule.copy SET rows_ready = NULL, ended = NULL");
    await pair.sync();
    ok((await noted()).length > 5);
    await flip(pair.move, { to: "green", who });
    await pair.finish("green");
    const { tables } = await verify(pair);
    deepStrictEqual(
      tables.filter(({ verdict }) => verdict !== "equal"),
      [],
    );
    // The way there left nothing behind.
    deepStrictEqual(
      await pair.platform.query("SELECT slot_name FROM pg_replication_slots WHERE slot_name = $1", [
        streamName("blue"),
      ]),
      [],
    );
  });
});
