import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert";
import { setTimeout as pause } from "node:timers/promises";
import { Database, type Row } from "../../migration/postgres/database.ts";
import { flip } from "../../migration/postgres/flip.ts";
import { type Move, prepareMove } from "../../migration/postgres/move.ts";
import { NativePath } from "../../migration/postgres/native.ts";
import { noPooler } from "../../migration/postgres/pooler.ts";
import { type SyncOptions, type SyncStatus, sync } from "../../migration/postgres/sync/sync.ts";
import { verify } from "../../migration/postgres/verify/verify.ts";
import { ensurePostgresClient } from "../../tools/postgres-client.ts";
import { type Pair, startPair } from "./support/databases.ts";
import { CHANGES, SCHEMA } from "./support/odd-schema.ts";
import { loadSakila } from "./support/sakila.ts";

describe("the copy", function () {
  this.timeout(120_000);
  let pair: Pair;
  let pgDump: string[];
  const started: Pair[] = [];
  before(async () => {
    pgDump = [...(await ensurePostgresClient(() => {})), "pg_dump"];
    pair = await start(15, 17);
    await pair.blue.query(SCHEMA);
    await pair.green.query("CREATE ROLE shopper");
  });
  after(async () => {
    for (const each of started) await each.remove();
  });

  async function start(...args: Parameters<typeof startPair>): Promise<Pair> {
    const made = await startPair(...args);
    started.push(made);
    return made;
  }
  const options = (of: Pair, more: Partial<SyncOptions> = {}): SyncOptions => ({
    blue: of.blue,
    green: of.green,
    greenToBlue: of.blue.access,
    pgDump,
    ...more,
  });
  async function settled({ blue }: Pair): Promise<void> {
    const { lsn } = await blue.one("SELECT pg_current_wal_flush_lsn() AS lsn");
    for (let tries = 0; tries < 400; tries += 1) {
      const { done } = await blue.one("SELECT bool_and(confirmed_flush_lsn >= $1) AS done FROM pg_replication_slots", [
        lsn ?? null,
      ]);
      if (done === "t") return;
      await pause(50);
    }
    throw new Error("green did not catch up");
  }

  it("refuses a pg_dump that is too old, before anything is made", async () => {
    const old = ["sh", "-c", "echo 'pg_dump (PostgreSQL) 14.9'"];
    await rejects(
      sync(options(pair, { pgDump: old })),
      /blue runs PostgreSQL 15 and sh .* is of 14: name a pg_dump of 15 or later/,
    );
    strictEqual((await pair.green.one("SELECT count(*) FROM pg_namespace WHERE nspname = 'bascule'")).count, "0");
  });

  it("refuses a green that holds anything of somebody else", async () => {
    await pair.green.query('CREATE TABLE "precious 🛒" (id int)');
    await rejects(
      sync(options(pair)),
      /green: the database is not empty: public\."precious 🛒"; name an empty database/,
    );
    await pair.green.query('DROP TABLE "precious 🛒"');
  });

  it("brings everything while users write, goes on after it was ended anywhere, and follows", async () => {
    let writing = true;
    const writer = pair.blue.another();
    const users = (async () => {
      while (writing) await writer.query(CHANGES);
    })();
    const steps = new Set<string>();
    try {
      // Ended at each step once: in the rows, in the indexes, in the constraints.
      for (const step of ["rows", "indexes", "constraints"] satisfies SyncStatus["step"][])
        await rejects(
          sync(
            options(pair, {
              tell: (status) => {
                steps.add(status.step);
                if (status.step === step) throw new Error(`ended in the ${step}`);
              },
            }),
          ),
          new RegExp(`ended in the ${step}`),
        );
      const told: SyncStatus[] = [];
      await sync(options(pair, { tell: (status) => told.push(status) }));
      for (const { step } of told) steps.add(step);
      deepStrictEqual([...steps].sort(), ["constraints", "done", "indexes", "rows", "schema", "views"]);
      // Rows under way are looked at again, until they have arrived.
      const busy = (await verify(pair)).tables.filter(({ verdict }) => verdict !== "equal").map(({ table }) => table);
      deepStrictEqual(
        busy.filter((table) => table !== '"public"."keyless"'),
        [],
      );
    } finally {
      writing = false;
      await users;
      await writer.close();
    }
    await settled(pair);
    const { structure, tables } = await verify({ blue: pair.blue, green: pair.green });
    deepStrictEqual(structure, []);
    deepStrictEqual(
      tables.filter(({ verdict }) => verdict !== "equal"),
      [],
    );
    ok(tables.length >= 8);
    strictEqual(
      (await pair.green.one("SELECT n FROM twice")).n,
      (await pair.green.one("SELECT n * 2 AS n FROM summary")).n,
    );
    // The trigger did not fire for carried rows, and does for rows of green's own.
    const before = Number((await pair.green.one("SELECT count(*) FROM audit")).count);
    strictEqual(before, Number((await pair.blue.one("SELECT count(*) FROM audit")).count));
    await pair.green
      .transaction(async () => {
        await pair.green.query("INSERT INTO orders VALUES (-1)");
        strictEqual(Number((await pair.green.one("SELECT count(*) FROM audit")).count), before + 1);
        await rejects(pair.green.query("INSERT INTO lines VALUES (-7, 1)"), /violates foreign key/);
      })
      .catch(() => undefined);
    // Once more changes nothing.
    await sync(options(pair));
  });

  it("does not go on with another database's copy", async () => {
    const stranger = new Database("blue", { ...pair.blue.access, database: "postgres" });
    await rejects(sync(options(pair, { blue: stranger })), /green holds a copy of another database/);
    await stranger.close();
  });

  it("notices that blue's schema changes, and says so", async () => {
    const own = await start(15, 15);
    await own.blue.query("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)");
    let changed = false;
    const change = async () => {
      changed = true;
      await own.blue.another().query("ALTER TABLE t ADD COLUMN late int");
    };
    await rejects(
      sync(options(own, { prepared: () => (changed ? Promise.resolve() : change()) })),
      /blue's schema is not what it was when the copy began/,
    );
  });

  it("gives the slot up before blue drops the log, and begins anew when asked again", async () => {
    const own = await start(15, 16, { blue: { max_slot_wal_keep_size: "24" } });
    await own.blue.query(
      "CREATE TABLE t (id int PRIMARY KEY, filler text); INSERT INTO t SELECT g, 'x' FROM generate_series(1, 1000) g",
    );
    const workers = async (setting: string) => {
      await own.green.query(`ALTER SYSTEM ${setting}`);
      await own.clusters.green.kill();
      await own.clusters.green.start();
    };
    // Green receives nothing while blue writes.
    await workers("SET max_logical_replication_workers = 0");
    const write = () =>
      own.blue.query("INSERT INTO t SELECT max(id) + 1 FROM t; SELECT pg_switch_wal()").catch(() => undefined);
    await rejects(
      sync(options(own, { tell: ({ step }) => step === "rows" && void write() })),
      /the copy was given up before blue dropped the log.*Raise max_slot_wal_keep_size/,
    );
    strictEqual((await own.blue.one("SELECT count(*) FROM pg_replication_slots")).count, "0");
    await workers("RESET max_logical_replication_workers");
    await sync(options(own));
    await settled(own);
    strictEqual((await verify({ blue: own.blue, green: own.green })).equal, true);
  });

  it("gives up one table that takes too long for the log, keeps the others, and brings that one when asked again", async () => {
    const own = await start(15, 17, { blue: { max_slot_wal_keep_size: "64" } });
    await own.blue.query(`
      CREATE TABLE slow (id int PRIMARY KEY); INSERT INTO slow SELECT g FROM generate_series(1, 2000) g;
      CREATE TABLE quick (id int PRIMARY KEY); INSERT INTO quick SELECT g FROM generate_series(1, 1000) g`);
    // Each row takes a while on green.
    const hinder = async () => {
      await own.green.query(`
        CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.02); RETURN NEW; END';
        CREATE TRIGGER wait BEFORE INSERT ON slow FOR EACH ROW EXECUTE FUNCTION wait(); ALTER TABLE slow ENABLE ALWAYS TRIGGER wait`);
    };
    // A checkpoint lets the slot of what is there get on.
    let idle = true;
    const write = async () => {
      idle = false;
      await own.blue.query("INSERT INTO quick SELECT max(id) + 1 FROM quick; SELECT pg_switch_wal()");
      await own.blue.query("CHECKPOINT");
      idle = true;
    };
    await rejects(
      sync(
        options(own, {
          prepared: hinder,
          tell: ({ progress }) => {
            if (idle && (progress?.tables.done ?? 0) > 0) void write().catch(() => undefined);
          },
        }),
      ),
      /as long as ONLY "public"\."slow" takes, and would have dropped it; everything else stays and follows/,
    );
    await settled(own);
    deepStrictEqual(await own.green.query("SELECT count(*) FROM slow"), [{ count: "0" }]);
    deepStrictEqual(
      await own.green.query("SELECT count(*) FROM quick"),
      await own.blue.query("SELECT count(*) FROM quick"),
    );
    strictEqual((await own.blue.one("SELECT count(*) FROM pg_replication_slots")).count, "1");
    await own.green.query("DROP TRIGGER wait ON slow; DROP FUNCTION wait");
    await own.blue.query("DELETE FROM slow WHERE id = 1; INSERT INTO quick VALUES (0)");
    const told: SyncStatus[] = [];
    await sync(options(own, { tell: (status) => told.push(status) }));
    ok((told.find(({ progress }) => progress !== undefined)?.progress?.tables.done ?? 0) > 0, "the others were kept");
    await settled(own);
    strictEqual((await verify({ blue: own.blue, green: own.green })).equal, true);
  });

  it("loses no change of a table that was given up by half before whoever gave it up died", async () => {
    const own = await start(15, 17);
    await own.blue.query(
      "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1); CREATE TABLE u (id int PRIMARY KEY)",
    );
    await sync(options(own));
    await own.blue.query('ALTER PUBLICATION bascule_blue_to_green DROP TABLE ONLY "public"."t"');
    await own.blue.query("INSERT INTO t VALUES (2); INSERT INTO u VALUES (2)");
    await settled(own);
    await own.green.query("UPDATE bascule.copy SET rows_ready = NULL, ended = NULL");
    await sync(options(own));
    await settled(own);
    strictEqual((await verify({ blue: own.blue, green: own.green })).equal, true);
  });

  /** A film changed, one more, and one that was there for a moment. @returns both, as the triggers and the sequence have made them */
  async function work(database: Database): Promise<Row[]> {
    const copied =
      "INSERT INTO film SELECT (jsonb_populate_record(f, jsonb_build_object('film_id', nextval('film_film_id_seq')))).* FROM film f WHERE film_id = 1 RETURNING film_id";
    const { fresh } = await database.one(
      "UPDATE film SET length = length + 1 WHERE film_id = 1 RETURNING last_update > now() - interval '1 hour' AS fresh",
    );
    strictEqual(fresh, "t", `the trigger that stamps is alive on ${database.side}`);
    const [passing, more] = [await database.one(copied), await database.one(copied)];
    await database.query("DELETE FROM film WHERE film_id = $1", [passing.film_id ?? null]);
    return database.query("SELECT * FROM film WHERE film_id IN (1, $1)", [more.film_id ?? null]);
  }

  async function same({ blue, green }: Pair): Promise<void> {
    const { structure, tables } = await verify({ blue, green }, { parallel: 2 });
    deepStrictEqual([structure, tables.filter(({ verdict }) => verdict !== "equal")], [[], []]);
    match(tables.map(({ table }) => table).join(), /film/);
    const views = await blue.query(
      "SELECT format('SELECT count(*) FROM %I', viewname) AS sql FROM pg_views WHERE schemaname = 'public'",
    );
    ok(views.length > 0);
    for (const { sql } of views)
      deepStrictEqual(await green.query(String(sql)), await blue.query(String(sql)), String(sql));
  }

  it("moves Sakila with its views and triggers, and brings it back with what was done meanwhile", async () => {
    const often = { wal_retrieve_retry_interval: "50ms" };
    const own = await start(15, 17, { blue: often, green: often });
    await loadSakila(own.blue);
    // Its old partitions have no keys.
    for (const { sql } of await own.blue.query(
      `SELECT format('ALTER TABLE %s REPLICA IDENTITY FULL', c.oid::regclass) AS sql FROM pg_class c
       WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND NOT EXISTS (SELECT FROM pg_index WHERE indrelid = c.oid AND indisprimary)`,
    ))
      await own.blue.query(String(sql));
    const access = { blue: own.blue.access, green: own.green.access };
    const paths = { blue: new NativePath("blue", access.blue), green: new NativePath("green", access.green) };
    const move: Move = { access, paths, pooler: noPooler };
    await sync(options(own, { prepared: async () => void (await prepareMove(move, "the test")) }));
    await settled(own);
    await same(own);
    await flip(move, { to: "green", who: "the test" });
    const done = await work(own.green);
    await flip(move, { to: "blue", who: "the test" });
    await same(own);
    // As green stamped them: nothing fired again where they arrived.
    const ids = done.map(({ film_id }) => film_id ?? null);
    deepStrictEqual(await own.blue.query("SELECT * FROM film WHERE film_id = ANY($1::int[])", [ids]), done);
    ok(
      (await work(own.blue)).every(({ film_id }) => film_id === "1" || Number(film_id) > Math.max(...ids.map(Number))),
    );
    await settled(own);
    await same(own);
  });
});
