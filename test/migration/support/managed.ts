import { deepStrictEqual, rejects, strictEqual } from "node:assert";
import { LocalApplier } from "../../../migration/postgres/applier/host.ts";
import { PushPath, streamFrom } from "../../../migration/postgres/applier/path.ts";
import { Database } from "../../../migration/postgres/database.ts";
import { type Move, prepareMove } from "../../../migration/postgres/move.ts";
import { NativePath } from "../../../migration/postgres/native.ts";
import { PgBouncer } from "../../../migration/postgres/pooler.ts";
import { type SyncOptions, sync } from "../../../migration/postgres/sync/sync.ts";
import type { Side } from "../../../migration/side.ts";
import { ensurePostgresClient } from "../../../tools/postgres-client.ts";
import { check, differences } from "./checker.ts";
import type { Major } from "./cluster.ts";
import { startPair } from "./databases.ts";
import { startPooler, writePooler } from "./pooler.ts";
import { ROWS, SHOP } from "./shop.ts";
import { startForgottenJob, startShoppers, type Writers } from "./writer.ts";

/** As the role a customer of Supabase has, and the roles its service has for itself. */
const ROLES = `
  CREATE ROLE shopkeeper LOGIN NOSUPERUSER CREATEROLE CREATEDB REPLICATION BYPASSRLS; GRANT pg_monitor TO shopkeeper;
  CREATE ROLE platform SUPERUSER; CREATE ROLE auth_admin; CREATE ROLE appuser LOGIN; CREATE ROLE cron LOGIN;
  GRANT SET ON PARAMETER session_replication_role, deadlock_timeout TO shopkeeper`;

/** What the service keeps beside the customer's tables; shopkeeper may use some of it and owns none. */
const SYSTEM = `
  SET ROLE platform; CREATE SCHEMA auth; CREATE SCHEMA vault; CREATE SCHEMA storage; CREATE EXTENSION hstore SCHEMA vault;
  GRANT CREATE, USAGE ON SCHEMA auth TO auth_admin; GRANT USAGE ON SCHEMA auth, storage TO shopkeeper;
  CREATE TABLE storage.objects (id serial PRIMARY KEY);
  CREATE FUNCTION public.watch_schema() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
  CREATE EVENT TRIGGER platform_watch ON ddl_command_end EXECUTE FUNCTION public.watch_schema();
  COMMENT ON EVENT TRIGGER platform_watch IS 'the service''s own'; RESET ROLE;
  SET ROLE auth_admin; CREATE TABLE auth.users (id bigserial PRIMARY KEY, name text); INSERT INTO auth.users (name) VALUES ('Marge');
  CREATE FUNCTION auth.uid() RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint'; GRANT REFERENCES, TRIGGER ON auth.users TO shopkeeper;
  RESET ROLE`;

/** Two servers: blue is rented, green is ours; the shop is on blue alone, with writers, and every way is made as in the product. */
export interface Managed {
  /** As the superuser of the service, whom no customer has. */
  platform: Database;
  blue: Database;
  green: Database;
  move: Move;
  /** Where the application's statements go, as PgBouncer reads it. */
  bouncer: { port: number; file: string };
  /** What to put before the arguments of `pg_dump`. */
  pgDump: string[];
  shoppers: Writers;
  /** Copies as the verb does, with fences and records. */
  sync(more?: Partial<SyncOptions>): Promise<void>;
  /** Waits for new writes, looks for every write of the whole run on this side, and for a fence on the other one. */
  intact(side: Side): Promise<void>;
  /** Ends the writers, and compares both sides. */
  finish(side: Side): Promise<void>;
  remove(): Promise<void>;
}

/** @param pushed whether green may not subscribe either, so that the applier carries both ways */
export async function startManaged(blueMajor: Major, greenMajor: Major, { pushed = false } = {}): Promise<Managed> {
  const pair = await startPair(blueMajor, greenMajor, { green: { wal_retrieve_retry_interval: "50ms" } });
  await pair.blue.query(ROLES);
  await pair.blue.query("CREATE DATABASE app OWNER shopkeeper");
  await pair.green.query("CREATE ROLE appuser LOGIN");
  await pair.green.query("CREATE DATABASE app OWNER appuser");
  const platform = new Database("blue", { ...pair.blue.access, database: "app" });
  const blue = new Database("blue", { ...platform.access, user: "shopkeeper" });
  const green = new Database("green", { ...pair.green.access, database: "app" });
  await platform.query(SYSTEM);
  await blue.query(SHOP);
  await blue.query(ROWS);
  const access = { blue: blue.access, green: green.access };
  const appliers = {
    blue: new LocalApplier(streamFrom("blue", { blue, green })),
    green: new LocalApplier(streamFrom("green", { blue, green })),
  };
  const paths = {
    blue: pushed ? new PushPath("blue", appliers.blue) : new NativePath("blue", blue.access),
    green: new PushPath("green", appliers.green),
  };
  const bouncer = await startPooler(blue.access.port);
  const way = { host: "127.0.0.1", port: bouncer.port };
  const pooler = new PgBouncer({
    admin: { ...way, user: "postgres", database: "pgbouncer" },
    database: "app",
    write: async (side) => writePooler(bouncer.file, bouncer.port, pair.clusters[side].port),
  });
  const move: Move = { access, paths, pooler };
  const shoppers = startShoppers([{ ...way, user: "appuser", database: "app" }]);
  const forgotten = startForgottenJob(blue.access);
  const pgDump = [...(await ensurePostgresClient(() => {})), "pg_dump"];
  return {
    platform,
    blue,
    green,
    move,
    bouncer,
    pgDump,
    shoppers,
    intact: async (side) => {
      await shoppers.progress(25);
      deepStrictEqual((await check(side === "blue" ? blue : green, shoppers, forgotten)).problems, [], `on ${side}`);
      await rejects((side === "blue" ? green : blue).query("DELETE FROM account"), /is fenced/);
    },
    finish: async (side) => {
      await Promise.all([shoppers.stop(), forgotten.stop()]);
      deepStrictEqual((await check(side === "blue" ? blue : green, shoppers, forgotten)).problems, [], `on ${side}`);
      deepStrictEqual(await differences(blue, green), [], "tables that differ at the end");
      strictEqual(shoppers.outcomes.errors.join("\n"), "", "what clients of the pooler saw");
    },
    sync: (more = {}) =>
      sync({
        blue,
        green,
        greenToBlue: blue.access,
        pushed: pushed ? paths.blue : undefined,
        pgDump,
        role: "appuser",
        prepared: async () => {
          await prepareMove(move, "a test");
        },
        ...more,
      }),
    async remove() {
      await Promise.all([shoppers.stop(), forgotten.stop()]);
      await Promise.all([appliers.blue.stop(), appliers.green.stop()]);
      await Promise.all([platform, blue, green].map((session) => session.close()));
      await bouncer.remove();
      await pair.remove();
    },
  };
}
