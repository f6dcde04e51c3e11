import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import type { Inspection } from "../../migration/inspection.ts";
import { flip } from "../../migration/postgres/flip.ts";
import { inspect } from "../../migration/postgres/inspect/inspect.ts";
import { readLeftOut } from "../../migration/postgres/scope.ts";
import type { Snapshots } from "../../migration/postgres/snapshots.ts";
import { renderVerification } from "../../migration/postgres/verify/render.ts";
import { type Verification, verify } from "../../migration/postgres/verify/verify.ts";
import { type Managed, startManaged } from "./support/managed.ts";

const who = "the test";

describe("a blue that is rented, as at Supabase", function () {
  this.timeout(60_000);
  let rented: Managed;
  before(async () => {
    rented = await startManaged(15, 17);
    await rented.shoppers.progress(50);
  });
  after(() => rented?.remove());

  const of = ({ findings }: Inspection, id: string) => findings.filter((finding) => finding.id === id);

  it("names what is the service's and left out, and what of ours leans on it", async () => {
    await rented.blue.query(`
      CREATE TABLE profiles (id int PRIMARY KEY, account bigint REFERENCES auth.users (id)); ALTER TABLE profiles ENABLE ROW LEVEL SECURITY;
      CREATE POLICY own ON profiles USING (account = auth.uid());
      CREATE FUNCTION welcome() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO public.profiles VALUES (new.id, new.id); RETURN new; END';
      CREATE TRIGGER welcomed AFTER INSERT ON auth.users FOR EACH ROW EXECUTE FUNCTION welcome()`);
    const found = await inspect(rented);
    deepStrictEqual(
      found.findings.filter(({ level }) => level === "blocks"),
      [],
    );
    deepStrictEqual(
      of(found, "left-out").map(({ where, what }) => [
        where,
        /and belongs to (\w+); its (\d+) tables/.exec(what)?.slice(1),
      ]),
      [
        ["auth", ["platform", "1"]],
        ["storage", ["platform", "1"]],
        ["vault", ["platform", "0"]],
      ],
    );
    deepStrictEqual(
      of(found, "left-out-extensions").map(({ where }) => where),
      ["hstore"],
    );
    match(of(found, "event-triggers")[0]?.what ?? "", /left out: this event trigger belongs to platform/);
    match(of(found, "left-out-triggers")[0]?.what ?? "", /trigger welcomed calls welcome\(\).*is refused while green/);
    deepStrictEqual(
      of(found, "leans-on-left-out").map(({ where, what, remedy }) => [where, what.split(",")[0], remedy]),
      [
        [
          "constraint profiles_account_fkey on table profiles",
          "needs the relation auth.users",
          "ALTER TABLE profiles DROP CONSTRAINT profiles_account_fkey;",
        ],
        [
          "policy own on table profiles",
          "needs the function auth.uid()",
          "make the function auth.uid() on green before the copy, or drop this on blue",
        ],
      ],
    );
  });

  it("blocks where an event trigger of the service calls a function of ours, or is somebody else's, and leaves neither out", async () => {
    const { platform, blue } = rented;
    await blue.query("CREATE FUNCTION ours() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'");
    await platform.query(`SET ROLE platform; CREATE EVENT TRIGGER calls_ours ON ddl_command_end EXECUTE FUNCTION ours(); RESET ROLE;
      CREATE EVENT TRIGGER "an Auditor's" ON ddl_command_end EXECUTE FUNCTION public.watch_schema(); ALTER EVENT TRIGGER "an Auditor's" DISABLE`);
    const found = await inspect(rented);
    deepStrictEqual(
      of(found, "event-triggers-of-others").map(({ level, where, remedy }) => [
        level,
        where,
        /DROP.*;/.exec(remedy)?.[0],
      ]),
      [
        ["blocks", "an Auditor's", `DROP EVENT TRIGGER "an Auditor's";`],
        ["blocks", "calls_ours", `DROP EVENT TRIGGER "calls_ours";`],
      ],
    );
    deepStrictEqual((await readLeftOut(blue)).eventTriggers, ["platform_watch"]);
    await platform.query(`DROP EVENT TRIGGER calls_ours; DROP EVENT TRIGGER "an Auditor's"; DROP FUNCTION ours()`);
  });

  it("blocks where a table of ours lies among the service's, or one of somebody else's among ours", async () => {
    const { platform } = rented;
    await platform.query("CREATE TABLE auth.mine (id int PRIMARY KEY); ALTER TABLE auth.mine OWNER TO shopkeeper");
    await platform.query("CREATE SCHEMA elsewhere; CREATE TABLE elsewhere.theirs (id int PRIMARY KEY)");
    const found = await inspect(rented);
    deepStrictEqual(
      of(found, "own-in-left-out").map(({ where, level, remedy }) => [where, level, /ALTER .*;/.exec(remedy)?.[0]]),
      [["auth.mine", "blocks", "ALTER TABLE auth.mine SET SCHEMA public;"]],
    );
    // A name nobody knows is not left out by guess.
    deepStrictEqual(
      of(found, "not-owned").map(({ where, level }) => [where, level]),
      [["elsewhere.theirs", "blocks"]],
    );
    await platform.query("DROP TABLE auth.mine; DROP SCHEMA elsewhere CASCADE");
  });

  it("moves there and back with writers and without a superuser on blue, and touches nothing of the service", async () => {
    const { blue, green, platform, move } = rented;
    // What the findings ask for.
    await blue.query("ALTER TABLE profiles DROP CONSTRAINT profiles_account_fkey");
    await green.query(
      "CREATE SCHEMA auth; CREATE FUNCTION auth.uid() RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint'",
    );
    await green.query("GRANT USAGE ON SCHEMA auth TO appuser");
    deepStrictEqual(of(await inspect(rented), "leans-on-left-out"), []);
    await rented.sync();
    for (const to of ["green", "blue"] as const) {
      let proven: Verification | undefined;
      const prove = async (snapshots: Snapshots) => {
        proven = await verify(rented, { snapshots });
      };
      await (await flip(move, { to, who, prove })).proof;
      ok(proven?.tables.length);
      deepStrictEqual(
        proven.tables.filter(({ verdict }) => verdict !== "equal"),
        [],
        renderVerification(proven),
      );
      // Grants are not blue's where everything belongs to one role.
      deepStrictEqual(
        proven.structure.filter(({ kind }) => kind !== "grant"),
        [],
        renderVerification(proven),
      );
      await rented.intact(to);
      // The service goes on with what is its own, whoever takes the writes.
      await platform.query("INSERT INTO storage.objects DEFAULT VALUES");
    }
    await rented.finish("blue");
    strictEqual((await platform.one("SELECT count(*) FROM storage.objects")).count, "2");
    const ours =
      "SELECT count(*) FROM pg_trigger WHERE tgname = 'zz_bascule_fence' AND tgrelid IN ('auth.users'::regclass, 'storage.objects'::regclass)";
    strictEqual((await platform.one(ours)).count, "0");
    strictEqual(
      (await green.one("SELECT to_regclass('auth.users') AS users, to_regclass('storage.objects') AS objects")).users,
      null,
    );
  });
});
