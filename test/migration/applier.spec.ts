import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert";
import { setTimeout as pause } from "node:timers/promises";
import type { Stream } from "../../migration/postgres/applier/applier.ts";
import { LocalApplier } from "../../migration/postgres/applier/host.ts";
import { type ApplierStatus, runApplier } from "../../migration/postgres/applier/service.ts";
import { Database } from "../../migration/postgres/database.ts";
import { streamName } from "../../migration/postgres/names.ts";
import { content, makeStream, type Pair, startPair } from "./support/databases.ts";

const SCHEMA = `
  CREATE SCHEMA "Odd ""Schema""";
  CREATE TYPE mood AS ENUM ('sad', 'it''s "ok"');
  CREATE TYPE pair AS (a int, b text);
  CREATE DOMAIN tags AS text[];
  CREATE TABLE plain (id int PRIMARY KEY, note text);
  CREATE TABLE "Odd ""Schema"""."Täble 🛒" (
    "The ""Key""" bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, price numeric(20, 4), ratio double precision, day date,
    at timestamptz, period interval, body json, doc jsonb, raw bytea, list int[][], moods mood[], what mood, "both" pair, many pair[],
    labels tags, net inet, bits bit varying(9), boxes box[], page xml, cash money, fixed char(5), span int4range, huge text,
    double_price numeric GENERATED ALWAYS AS (price * 2) STORED);
  CREATE TABLE keyless (a numeric, b json, c text); ALTER TABLE keyless REPLICA IDENTITY FULL;
  CREATE TABLE positions (id int PRIMARY KEY, place int UNIQUE, "group" text);
  CREATE TABLE parts (id int, k int, note text, PRIMARY KEY (id, k)) PARTITION BY LIST (k);
  CREATE TABLE parts_0 PARTITION OF parts FOR VALUES IN (0); CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
  CREATE TABLE spread (v int, k int) PARTITION BY LIST (k);
  CREATE TABLE spread_0 PARTITION OF spread FOR VALUES IN (0); CREATE TABLE spread_1 PARTITION OF spread FOR VALUES IN (1);
  ALTER TABLE spread REPLICA IDENTITY FULL; ALTER TABLE spread_0 REPLICA IDENTITY FULL; ALTER TABLE spread_1 REPLICA IDENTITY FULL;
  CREATE TABLE only_key (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY);
  CREATE TABLE counted (id int PRIMARY KEY, n int GENERATED ALWAYS AS IDENTITY, note text);
  CREATE TABLE child (id int PRIMARY KEY REFERENCES plain (id) ON DELETE CASCADE);
  CREATE TABLE audit (id bigserial PRIMARY KEY, what text);
  CREATE FUNCTION note_it() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO audit (what) VALUES (tg_op); RETURN NULL; END$$;
  CREATE TRIGGER audited AFTER INSERT OR DELETE ON plain FOR EACH ROW EXECUTE FUNCTION note_it();`;

const ODD = `"Odd ""Schema"""."Täble 🛒"`;
const TABLES = [
  ...[
    "plain",
    ODD,
    "keyless",
    "positions",
    "parts_0",
    "parts_1",
    "spread_0",
    "spread_1",
    "only_key",
    "counted",
    "child",
  ],
  "audit",
];

/** Each entry is one transaction on the side that is read. */
const WORK = [
  `INSERT INTO ${ODD} (price, ratio, day, at, period, body, doc, raw, list, moods, what, "both", many, labels, net, bits, boxes, page, cash, fixed, span, huge)
     SELECT 1.1000, 0.1 + 0.2, 'infinity', '2026-02-28 23:59:59.999999+05', '1 mon -3 days 00:00:00.000001', '{"a" :  1e400}', '{"a": 1}', '\\x00ff5c',
       '[0:1][2:3]={{1,NULL},{3,4}}', ARRAY['it''s "ok"', NULL]::mood[], 'sad', ROW (1, 'a "b", \\')::pair, ARRAY[ROW (NULL, 'x,y')::pair], '{"a,b",NULL,""}',
       '10.0.0.1/8', B'10110', '{(1,1),(0,0);(2,2),(1,1)}', '<a>&lt;</a>', '12.34', 'ab', '[1,5)', repeat(md5(g::text), 4000)
     FROM generate_series(1, 20) g`,
  `INSERT INTO ${ODD} (price, ratio) VALUES (NULL, 'NaN'), ('NaN', '-0'), (0.0001, 5e-324)`,
  `UPDATE ${ODD} SET price = price + 1, fixed = NULL WHERE price < 5`,
  `UPDATE ${ODD} SET huge = 'now small' WHERE "The ""Key""" = 3; UPDATE ${ODD} SET "The ""Key""" = DEFAULT WHERE "The ""Key""" = 4`,
  `INSERT INTO plain SELECT g, 'n' || g FROM generate_series(1, 3000) g; INSERT INTO child SELECT g FROM generate_series(1, 50) g`,
  `UPDATE plain SET note = note || '!'; UPDATE plain SET note = note || '?' WHERE id % 3 = 0`,
  `UPDATE plain SET id = id + 10000 WHERE id BETWEEN 100 AND 110; DELETE FROM plain WHERE id < 20`,
  `INSERT INTO keyless SELECT 1.0, '{"a":1}', 'same' FROM generate_series(1, 3); INSERT INTO keyless VALUES (1.00, '{"a":1}', 'same'), (NULL, NULL, NULL), (NULL, NULL, NULL)`,
  `DELETE FROM keyless WHERE ctid IN (SELECT ctid FROM keyless WHERE a::text = '1.00' LIMIT 1)`,
  `UPDATE keyless SET c = 'other' WHERE ctid = (SELECT min(ctid) FROM keyless); DELETE FROM keyless WHERE ctid = (SELECT max(ctid) FROM keyless)`,
  `INSERT INTO positions SELECT g, g, 'x' FROM generate_series(1, 300) g`,
  `DO $$BEGIN FOR i IN 1..300 LOOP UPDATE positions SET place = place - 1 WHERE id = i; END LOOP; END$$`,
  `UPDATE positions SET place = -place WHERE id < 5; UPDATE positions SET place = 0 - place, "group" = NULL WHERE id < 5`,
  `INSERT INTO parts SELECT g, g % 2, 'p' FROM generate_series(1, 100) g; UPDATE parts SET k = 1 - k WHERE id < 20; DELETE FROM parts WHERE id > 90`,
  `INSERT INTO spread SELECT 1, g % 2 FROM generate_series(1, 10) g`,
  `DELETE FROM spread WHERE tableoid = 'spread_1'::regclass AND ctid = (SELECT min(ctid) FROM spread_1); UPDATE spread SET v = 2 WHERE ctid = (SELECT max(ctid) FROM spread_0) AND k = 0`,
  `INSERT INTO only_key DEFAULT VALUES; INSERT INTO only_key DEFAULT VALUES; UPDATE only_key SET id = DEFAULT WHERE id = 1`,
  `INSERT INTO counted (id, note) VALUES (1, 'a'), (2, 'b'); UPDATE counted SET note = 'c' WHERE id = 1; UPDATE counted SET n = DEFAULT WHERE id = 2`,
  `TRUNCATE only_key RESTART IDENTITY; INSERT INTO only_key DEFAULT VALUES`,
];

async function withApplier<T>(
  { source, target, streamed }: Pick<Stream, "source" | "target" | "streamed">,
  work: (statuses: ApplierStatus[]) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  const statuses: ApplierStatus[] = [];
  const name = streamName(source.side);
  const running = runApplier({ source, target, slot: name, publication: name, streamed }, stop.signal, (one) =>
    statuses.push(one),
  );
  try {
    return await Promise.race([work(statuses), running.then(() => Promise.reject(new Error("the applier ended")))]);
  } finally {
    stop.abort();
    await running.catch(() => undefined);
  }
}

/** Returns when everything written on `source` so far was applied, by the slot's own account. */
async function caughtUp(source: Database): Promise<void> {
  const { lsn } = await source.one("SELECT pg_current_wal_flush_lsn() AS lsn");
  for (let tries = 0; tries < 600; tries += 1) {
    const { done } = await source.one(
      "SELECT confirmed_flush_lsn >= $1 AS done FROM pg_replication_slots WHERE slot_name = $2",
      [lsn ?? null, streamName(source.side)],
    );
    if (done === "t") return;
    await pause(50);
  }
  throw new Error("the applier did not catch up within 30 s");
}

describe("the push applier", function () {
  this.timeout(90_000);
  for (const [from, to, streamed] of [
    [18, 15, false],
    [15, 17, true],
  ] as const) {
    describe(`from PostgreSQL ${from} to ${to}, ${streamed ? "as the source sends it" : "by questions"}`, () => {
      let pair: Pair;
      before(async () => {
        pair = await startPair(to, from);
        for (const side of [pair.blue, pair.green]) await side.query(SCHEMA);
        await makeStream(pair.green);
      });
      after(() => pair?.remove());

      it("refuses, naming the row, when the other side lacks it", async () => {
        await pair.green.query("INSERT INTO plain VALUES (-1, 'here'), (-2, 'here')");
        await withApplier({ streamed, source: pair.green, target: pair.blue }, () => caughtUp(pair.green));
        await pair.blue.query("SET session_replication_role = replica");
        await pair.blue.query("DELETE FROM plain WHERE id = -2");
        await pair.green.query("UPDATE plain SET note = 'there' WHERE id < 0");
        const stop = new AbortController();
        const name = streamName("green");
        await rejects(
          runApplier({ streamed, source: pair.green, target: pair.blue, slot: name, publication: name }, stop.signal),
          /update of "public"\."plain" \(id=-2\) touched 0 rows on blue, not 1: the sides differ.*bascule verify/,
        );
        // Nothing of that transaction was kept.
        deepStrictEqual(await content(pair.blue, "plain"), ["(-1,here)"]);
        await pair.blue.query("INSERT INTO plain VALUES (-2, 'here')");
        await withApplier({ streamed, source: pair.green, target: pair.blue }, () => caughtUp(pair.green));
        deepStrictEqual(await content(pair.blue, "plain"), ["(-1,there)", "(-2,there)"]);
        await pair.green.query("TRUNCATE plain CASCADE");
        await withApplier({ streamed, source: pair.green, target: pair.blue }, () => caughtUp(pair.green));
      });

      it("carries every kind of change of every kind of table, and fires no trigger", async () => {
        await withApplier({ streamed, source: pair.green, target: pair.blue }, async () => {
          for (const transaction of WORK) await pair.green.transaction(() => pair.green.query(transaction));
          await caughtUp(pair.green);
        });
        for (const table of TABLES) {
          const there = await content(pair.green, table);
          ok(there.length > 0, `${table} is empty`);
          deepStrictEqual(await content(pair.blue, table), there, table);
        }
      });

      it("waits for a side that went away, and goes on", async () => {
        await withApplier({ streamed, source: pair.green, target: pair.blue }, async (statuses) => {
          for (const side of ["blue", "green"] as const) {
            await pair.green.query("INSERT INTO audit (what) SELECT 'before' FROM generate_series(1, 5000)");
            await pair.clusters[side].kill();
            const waits = () => statuses.some(({ state }) => state === "waiting");
            for (let tries = 0; tries < 200 && !waits(); tries += 1) await pause(20);
            match(statuses.find(({ state }) => state === "waiting")?.why ?? "never waited", /./);
            await pair.clusters[side].start();
            statuses.length = 0;
            await pair.green.query("INSERT INTO audit (what) SELECT 'after' FROM generate_series(1, 100)");
            await caughtUp(pair.green);
          }
        });
        deepStrictEqual(await content(pair.blue, "audit"), await content(pair.green, "audit"));
      });

      it("lets two of its kind do the work of one", async () => {
        const both = [withApplier, withApplier].map((start) =>
          start({ streamed, source: pair.green, target: pair.blue }, async () => {
            for (let n = 0; n < 20; n += 1)
              await pair.green.query("INSERT INTO keyless SELECT g, '1', 'two' FROM generate_series(1, 100) g");
            await caughtUp(pair.green);
          }),
        );
        await Promise.all(both);
        strictEqual((await pair.blue.one("SELECT count(*) FROM keyless WHERE c = 'two'")).count, "4000");
      });

      it("runs inside a process that watches it: once, until it is stopped, and saying what is wrong", async () => {
        const name = streamName("green");
        const host = new LocalApplier({
          streamed,
          source: pair.green,
          target: pair.blue,
          slot: name,
          publication: name,
        });
        strictEqual(await host.trouble(), "the applier does not run");
        await Promise.all([host.start(), host.start()]);
        await pair.green.query("INSERT INTO parts VALUES (1000, 0, 'watched')");
        await caughtUp(pair.green);
        strictEqual(await host.trouble(), undefined);
        await host.stop();
        await pair.green.query("INSERT INTO parts VALUES (1001, 0, 'later')");
        deepStrictEqual(await pair.blue.query("SELECT id FROM parts WHERE id > 999"), [{ id: "1000" }]);
        await pair.blue.query("INSERT INTO parts VALUES (1001, 0, 'in the way')");
        await host.start();
        for (let tries = 0; tries < 200 && (await host.trouble()) === undefined; tries += 1) await pause(20);
        match(
          (await host.trouble()) ?? "",
          /blue refuses insert of "public"\."parts": duplicate key.*\(id, k\)=\(1001, 0\) already exists/,
        );
        await host.stop();
        await pair.blue.query("DELETE FROM parts WHERE id = 1001");
      });

      it("says which statement gives the right it lacks, and then needs no superuser", async () => {
        await pair.blue.query("CREATE ROLE weak LOGIN");
        const weak = new Database("blue", { ...pair.blue.access, user: "weak" });
        const name = streamName("green");
        await rejects(
          runApplier(
            { streamed, source: pair.green, target: weak, slot: name, publication: name },
            new AbortController().signal,
          ),
          /blue's weak lacks a right.*GRANT SET ON PARAMETER session_replication_role TO "weak"/,
        );
        await pair.blue.query(`
          GRANT SET ON PARAMETER session_replication_role TO weak; GRANT USAGE ON SCHEMA bascule TO weak;
          GRANT ALL ON ALL TABLES IN SCHEMA public, bascule TO weak`);
        await pair.green.query(
          "INSERT INTO parts VALUES (2000, 0, 'by a weak role'); DELETE FROM parts WHERE id = 1000",
        );
        await withApplier({ streamed, source: pair.green, target: weak }, () => caughtUp(pair.green));
        deepStrictEqual(await content(pair.blue, "parts_0"), await content(pair.green, "parts_0"));
      });

      it("stops at a slot that is gone", async () => {
        await pair.green.query("SELECT pg_drop_replication_slot($1)", [streamName("green")]);
        await rejects(
          withApplier({ streamed, source: pair.green, target: pair.blue }, () => pause(10_000)),
          /green has no slot bascule_green_to_blue: without it what was written there since cannot be known/,
        );
      });
    });
  }
});
