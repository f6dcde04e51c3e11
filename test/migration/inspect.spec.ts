import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import type { Inspection } from "../../migration/inspection.ts";
import { Database } from "../../migration/postgres/database.ts";
import { inspect } from "../../migration/postgres/inspect/inspect.ts";
import { renderInspection } from "../../migration/postgres/inspect/render.ts";
import { type Cluster, freePort, startCluster } from "./support/cluster.ts";
import { type Pair, startPair } from "./support/databases.ts";

const TROUBLE = `
  CREATE ROLE "own ""er"""; CREATE ROLE weak LOGIN; CREATE ROLE sly LOGIN; ALTER ROLE sly SET session_replication_role = replica;
  CREATE TABLE "no ""key"" 🛒" (a int); CREATE TABLE indexed (a int NOT NULL UNIQUE); CREATE TABLE nothing (id int PRIMARY KEY);
  ALTER TABLE nothing REPLICA IDENTITY NOTHING;
  CREATE UNLOGGED TABLE cache (id int PRIMARY KEY);
  CREATE TABLE watched (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, twice int GENERATED ALWAYS AS (1) STORED);
  ALTER TABLE watched OWNER TO "own ""er""";
  CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
  CREATE TRIGGER "Always" AFTER INSERT ON watched FOR EACH ROW EXECUTE FUNCTION f(); ALTER TABLE watched ENABLE ALWAYS TRIGGER "Always";
  CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY HASH (id); CREATE MATERIALIZED VIEW kept AS SELECT 1 AS one;
  ALTER TABLE nothing ENABLE ROW LEVEL SECURITY;
  SELECT lo_create(0);
  CREATE EXTENSION pg_trgm;
  CREATE TABLE held (id int PRIMARY KEY);`;

describe("the inspection", function () {
  this.timeout(60_000);
  let pair: Pair;
  before(async () => {
    pair = await startPair(15, 17, { blue: { max_replication_slots: "2", max_slot_wal_keep_size: "1" } });
  });
  after(() => pair?.remove());

  const of = ({ findings }: Inspection, id: string) => findings.filter((finding) => finding.id === id);

  it("finds nothing in the way between two empty databases, and has changed nothing", async () => {
    await pair.blue.query("ALTER SYSTEM SET max_replication_slots = 10");
    const shape =
      "SELECT (SELECT count(*) FROM pg_class) + (SELECT count(*) FROM pg_replication_slots) + (SELECT count(*) FROM pg_publication) AS n";
    const before = [await pair.blue.one(shape), await pair.green.one(shape)];
    const { findings, checked } = await inspect(pair);
    deepStrictEqual(
      findings.filter(({ level }) => level === "blocks"),
      [],
    );
    // This blue has two slots in all, and a copy needs three.
    deepStrictEqual(
      findings.filter(({ level }) => level === "setting").map(({ id, what, remedy }) => [id, what, remedy]),
      [
        [
          "max-replication-slots.blue",
          "0 of 2 replication slots are in use; a move needs 3 free",
          "ALTER SYSTEM SET max_replication_slots = 3; then restart the server; or drop a slot nobody reads: SELECT slot_name FROM pg_replication_slots WHERE NOT active",
        ],
      ],
    );
    ok(checked.length > 40);
    deepStrictEqual([await pair.blue.one(shape), await pair.green.one(shape)], before);
  });

  it("cannot be mistaken where it cannot come in", async () => {
    const port = await freePort();
    const cases: [Database, RegExp, RegExp][] = [
      [
        new Database("blue", { ...pair.blue.access, user: "nobody", password: "p'\"\\ :@/%🛒" }),
        /role "nobody" does not exist/,
        /correct user or password/,
      ],
      [
        new Database("blue", { ...pair.blue.access, database: "wrong" }),
        /database "wrong" does not exist/,
        /correct the database's name/,
      ],
      [new Database("blue", { ...pair.blue.access, port }), /ECONNREFUSED/, /correct address and port/],
    ];
    for (const [blue, what, remedy] of cases) {
      const result = await inspect({ blue, green: pair.green });
      strictEqual(result.ready, false);
      match(of(result, "connection")[0]?.what ?? "", what);
      match(of(result, "connection")[0]?.remedy ?? "", remedy);
      match(of(result, "unchecked")[0]?.what ?? "", /\d+ of \d+ checks could not be made/);
      ok(!renderInspection(result).includes('🛒"'), "the password was told");
    }
  });

  it("names each trouble, with the statement that ends it", async () => {
    await pair.blue.query(TROUBLE);
    await pair.green.query('CREATE TABLE leftover (id int); CREATE SCHEMA "x"; CREATE VIEW "x".v AS SELECT 1 AS one');
    const holding = pair.blue.another();
    await holding.query("BEGIN; INSERT INTO held VALUES (1); PREPARE TRANSACTION 'left ''open'");
    await holding.query("BEGIN; INSERT INTO held VALUES (2)");
    const result = await inspect(pair);
    await holding.query("ROLLBACK");
    await pair.blue.query("ROLLBACK PREPARED 'left ''open'");
    await holding.close();
    strictEqual(result.ready, false);
    const remedies = (id: string) => of(result, id).map(({ remedy }) => remedy);
    deepStrictEqual(remedies("no-key"), [
      'ALTER TABLE public."no ""key"" 🛒" REPLICA IDENTITY FULL;',
      "ALTER TABLE public.indexed REPLICA IDENTITY USING INDEX indexed_a_key;",
      "ALTER TABLE public.nothing REPLICA IDENTITY DEFAULT;",
    ]);
    deepStrictEqual(remedies("unlogged"), [
      "ALTER TABLE public.cache SET LOGGED; or leave it, where it may start empty",
    ]);
    deepStrictEqual(remedies("triggers-always"), ['ALTER TABLE public.watched ENABLE TRIGGER "Always";']);
    deepStrictEqual(remedies("bypasses-fence"), ['ALTER ROLE "sly" RESET session_replication_role;']);
    deepStrictEqual(remedies("prepared-transactions"), [
      "COMMIT PREPARED 'left ''open'; or ROLLBACK PREPARED 'left ''open';",
    ]);
    deepStrictEqual(remedies("roles"), ['CREATE ROLE "own ""er"""; on green, with a password of its own']);
    match(of(result, "large-objects")[0]?.what ?? "", /^1 large objects/);
    match(of(result, "target-empty")[0]?.what ?? "", /not empty: public.leftover, x.v/);
    // A slot waits for whoever writes: said within seconds, and not waited for.
    match(of(result, "slot.blue")[0]?.what ?? "", /within 3 s/);
    const carried = result.findings.filter(({ level }) => level === "carried").map(({ id }) => id);
    for (const id of ["sequences", "generated-columns", "partitions", "materialized-views"])
      ok(carried.includes(id), id);
    match(renderInspection(result), /^BLOCKS {3}.*\n {9}-> /);
  });

  it("says what a role lacks, by having tried", async () => {
    const result = await inspect({ ...pair, blue: new Database("blue", { ...pair.blue.access, user: "weak" }) });
    match(of(result, "rights.blue")[0]?.what ?? "", /may not make the schema that holds the fence.*permission denied/);
    match(of(result, "receives.blue")[0]?.what ?? "", /nothing can be brought here/);
    match(of(result, "receives.blue")[0]?.remedy ?? "", /GRANT SET ON PARAMETER session_replication_role TO "weak"/);
    match(of(result, "slot.blue")[0]?.remedy ?? "", /ALTER ROLE "weak" REPLICATION/);
    ok(of(result, "not-readable").length > 5 && of(result, "not-owned").length > 5);
  });

  it("makes a finding of a check that fails", async () => {
    await pair.blue.query("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM public");
    const result = await inspect({ ...pair, blue: new Database("blue", { ...pair.blue.access, user: "weak" }) });
    match(
      of(result, "same-database")[0]?.what ?? "",
      /this could not be looked at: permission denied for function pg_control_system/,
    );
  });

  it("refuses one database for both sides", async () => {
    const green = new Database("green", pair.blue.access);
    match(of(await inspect({ blue: pair.blue, green }), "same-database")[0]?.what ?? "", /are the same database/);
    await green.close();
  });
});

describe("the inspection of servers that cannot be a source", function () {
  this.timeout(60_000);
  const started: Cluster[] = [];
  after(async () => {
    for (const cluster of started) await cluster.remove();
  });
  const open = async (side: "blue" | "green", ...[major, settings]: Parameters<typeof startCluster>) => {
    const cluster = await startCluster(major, settings);
    started.push(cluster);
    return new Database(side, { host: "127.0.0.1", port: cluster.port, user: "postgres", database: "postgres" });
  };

  it("names what the servers' settings lack", async () => {
    const blue = await open("blue", 15, { wal_level: "replica", max_wal_senders: "1", max_slot_wal_keep_size: "1" });
    const green = await open("green", 16);
    // A log that grew fast lately, against an allowance of 1 MB.
    await blue.query(
      "CREATE TABLE filler AS SELECT g, repeat('x', 500) FROM generate_series(1, 100000) g; ALTER TABLE filler ADD PRIMARY KEY (g)",
    );
    await blue.query("SELECT pg_stat_force_next_flush()");
    const { findings } = await inspect({ blue, green });
    const settings = Object.fromEntries(
      findings.filter(({ level }) => level === "setting").map(({ id, what }) => [id, what]),
    );
    match(settings["wal-level.blue"] ?? "", /wal_level is replica/);
    match(settings["max-wal-senders.blue"] ?? "", /0 of 1 WAL senders are in use; a move needs 3 free/);
    match(
      settings["wal-allowance"] ?? "",
      /max_slot_wal_keep_size is 1MB, and about .* of log will be written during the copy/,
    );
    await Promise.all([blue.close(), green.close()]);
  });
});
