import assert from "node:assert/strict";
import { traits } from "../../../provisioning/image.ts";
import { type PgBouncerSpec, renderPgBouncer } from "../../../provisioning/pgbouncer/render.ts";
import { scramSecret } from "../../../provisioning/postgres/scram.ts";
import { canary, pgbouncer } from "../specs.ts";
import { assertResult, exposure, type StoresWorld, sql } from "./world.ts";

export function pgbouncerTests(world: StoresWorld): void {
  const { image } = world;
  const spec: PgBouncerSpec = { ...pgbouncer, image, maxClientConnections: 5000 };
  const pooled = (options: string, statement = "SELECT current_user") =>
    world
      .server()
      .asRoot(
        `PGPASSWORD=${canary} PGCONNECT_TIMEOUT=20 psql -X -At "host=127.0.0.1 port=6432 dbname=shop ${options}" -c '${statement}' 2>&1 || true`,
      );
  /** pgbench as a client of the pool; what it prints, and an error when one of its clients failed. */
  const pgbench = (options: string, script = "SELECT 1;") =>
    world
      .server()
      .asRoot(
        `ulimit -n 12000; cd /tmp; echo '${script}' >bench.sql; PGPASSWORD=${canary} PGDATABASE=shop pgbench -n -h 127.0.0.1 -p 6432 -U shop -f bench.sql ${options} 2>&1`,
      );
  const pool = async (command: string) => {
    const script = `exec /usr/local/lib/bascule/pgbouncer/pool ${command}`;
    await world.server().hostctl("job start --name pool", JSON.stringify({ script }));
    return (await world.server().hostctl("job wait --name pool --seconds 30")).body;
  };

  describe("PgBouncer", () => {
    before(async () => {
      await sql(world, `CREATE ROLE shop LOGIN PASSWORD '${canary}'; CREATE ROLE visitor LOGIN PASSWORD '${canary}'`);
      await sql(world, "CREATE DATABASE shop OWNER shop TEMPLATE template0 LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'");
    });

    it("comes up without a password of anybody's, and says unchanged the second time", async () => {
      assertResult(await world.server().apply(renderPgBouncer(spec)), 0, "changed");
      assertResult(await world.server().apply(renderPgBouncer(spec)), 0, "unchanged");
      assert.equal(await pooled("user=shop"), "shop");
      const files = await world
        .server()
        .asRoot(`grep -rlF ${canary} /etc /usr/local/lib/bascule /run/postgresql || true`);
      assert.equal(files, "");
    });

    it("asks PostgreSQL who may come: not with a wrong password, not after its time, not as superuser", async () => {
      assert.match(await pooled("user=shop password=wrong"), /SASL authentication failed/);
      assert.equal(await pooled("user=visitor"), "visitor");
      await sql(world, "ALTER ROLE visitor VALID UNTIL '2020-01-01'");
      assert.match(await pooled("user=visitor"), /authentication failed|no such user/);
      assert.match(await pooled("user=bascule"), /authentication failed|no such user/);
      await assert.rejects(
        sql(world, "SET ROLE shop; SELECT * FROM pgbouncer.secret_of('shop')", "shop"),
        /permission denied for schema pgbouncer/,
      );
    });

    it("speaks TLS to who asks for it", async () => {
      assert.equal(await pooled("user=shop sslmode=require"), "shop");
      const said = await world
        .server()
        .asRoot(
          "openssl s_client -starttls postgres -connect 127.0.0.1:6432 </dev/null 2>&1 | grep -E '^ *Protocol|^New,'",
        );
      assert.match(said, /TLSv1\.3/);
    });

    // Without that, whether a statement is there depends on which connection a client gets: nothing to count on.
    if (traits[image].pooledPreparedStatements) {
      it("pools prepared statements", async () => {
        const said = await pgbench("-M prepared -c 8 -t 50", "\\set n random(1, 100)\nSELECT :n + 1;");
        assert.match(said, /number of failed transactions: 0 /);
      });
    }

    it("runs inside its sandbox", async () => {
      const score = await exposure(world, "pgbouncer.service");
      assert.ok(score <= 3, `exposure ${score}`);
    });

    it("is paused and resumed by the operator: queries wait, and no client is dropped", async () => {
      const clients = pgbench("-c 5 -T 8 -R 50");
      assert.match(String((await pool("pause 20")).output), /paused for at most 20 s/);
      let answered = false;
      const waiting = pooled("user=shop").then((answer) => {
        answered = true;
        return answer;
      });
      assert.match(String((await pool("status")).output), /paused/);
      assert.equal(answered, false, "a query got through a paused pool");
      assert.match(String((await pool("resume")).output), /shop answers/);
      assert.equal(await waiting, "shop");
      assert.match(await clients, /number of failed transactions: 0 /);
    });

    it("resumes by itself, and refuses a pause that would drop clients", async () => {
      assert.equal((await pool("pause 2")).state, "done");
      assert.equal(await pooled("user=shop"), "shop");
      const refused = await pool("pause 60");
      assert.equal(refused.state, "failed");
      assert.match(String(refused.output), /got '60' seconds; allowed: 1 to 25/);
    });

    it("finds a setting changed on its console, and takes it back", async () => {
      await world
        .server()
        .asRoot(
          "cd / && setpriv --reuid=postgres --regid=postgres --init-groups psql -X -h /run/postgresql -p 6432 -U pgbouncer -d pgbouncer -c 'SET query_wait_timeout = 1'",
        );
      const { code, body } = await world.server().hostctl("check --service pgbouncer");
      assert.equal(code, 10);
      assert.match(JSON.stringify(body), /query_wait_timeout is 1, expected 30/);
      assertResult(await world.server().apply(renderPgBouncer(spec)), 0, "changed");
      assert.equal((await world.server().hostctl("check --service pgbouncer")).code, 0);
    });

    it("gets a larger pool without dropping a client", async () => {
      const clients = pgbench("-c 40 -T 6 -R 200");
      assertResult(await world.server().apply(renderPgBouncer({ ...spec, poolSize: 30 })), 0, "changed");
      assert.match(await clients, /number of failed transactions: 0 /);
    });

    it("holds 10,000 clients at once on a pool of 30, in less than 100 MB", async () => {
      assertResult(
        await world.server().apply(renderPgBouncer({ ...spec, poolSize: 30, maxClientConnections: 10_000 })),
        0,
        "changed",
      );
      // One round of hashing and no TLS: what ten thousand logins take is the client's time, and the client is on this machine.
      await sql(world, `CREATE ROLE crowd LOGIN PASSWORD '${scramSecret("crowd", canary, 1)}'`);
      // All of them are connected before the first one asks.
      const said = await pgbench("-U crowd -c 10000 -j 2 -t 2 'dbname=shop sslmode=disable'");
      assert.match(said, /number of clients: 10000\n/);
      assert.match(said, /number of transactions actually processed: 20000\/20000\n/);
      const backends = await sql(
        world,
        "SELECT count(*) FROM pg_stat_activity WHERE usename IN ('shop', 'crowd', 'pgbouncer_auth')",
      );
      assert.ok(Number(backends) <= 40, `${backends} connections to PostgreSQL`);
      const most = await world.server().asRoot("grep VmHWM /proc/$(pidof pgbouncer)/status");
      assert.ok(Number(/(\d+) kB/.exec(most)?.[1]) < 100_000, most);
    });
  });
}
