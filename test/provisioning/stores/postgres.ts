import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { type PostgresSpec, renderPostgres } from "../../../provisioning/postgres/render.ts";
import { postgres } from "../specs.ts";
import { assertResult, exposure, names, type StoresWorld, sql } from "./world.ts";

/** A window that is closed for the next hours, whatever the time. */
function closedWindow(): string {
  const hour = (new Date().getUTCHours() + 12) % 24;
  const text = String(hour).padStart(2, "0");
  return `${text}:00-${text}:30`;
}

export function postgresTests(world: StoresWorld): void {
  const { image } = world;
  const { version, cluster, unit } = names(image);
  const spec: PostgresSpec = { ...postgres, image, memoryMiB: 1024, cores: 2, diskGiB: 40, maxConnections: 60 };
  const check = async () => (await world.server().hostctl("check --service postgres")).body;
  const started = () => world.server().asRoot(`systemctl show -p ActiveEnterTimestampMonotonic --value ${unit}`);

  describe("PostgreSQL", () => {
    it("refuses data of another major version with both, before anything is touched", async () => {
      const { server } = world;
      await server().asRoot("mkdir -p /var/lib/postgresql/14/main && echo 14 >/var/lib/postgresql/14/main/PG_VERSION");
      const answer = await server().apply(renderPostgres(spec));
      assertResult(answer, 30, "refused");
      assert.match(
        String(answer.body.reason),
        new RegExp(`/var/lib/postgresql/14/main holds data of PostgreSQL 14, this configuration is for ${version}`),
      );
      assert.equal(await server().asRoot(`ls -d ${cluster} 2>/dev/null || true`), "");
      await server().asRoot("rm -r /var/lib/postgresql/14");
    });

    it("comes up with what memory, cores and disk ask for, and says unchanged the second time", async () => {
      assertResult(await world.server().apply(renderPostgres(spec)), 0, "changed");
      assertResult(await world.server().apply(renderPostgres(spec)), 0, "unchanged");
      const shown = [
        "shared_buffers",
        "max_wal_size",
        "max_slot_wal_keep_size",
        "data_checksums",
        "server_version_num",
      ];
      const values = await sql(world, shown.map((name) => `SHOW ${name};`).join(""));
      assert.match(values, new RegExp(`^256MB\n4GB\n12GB\non\n${version}\\d{4}$`));
    });

    it("lets nobody in over TCP without TLS, with an old one, or without a password", async () => {
      const { server } = world;
      const from = (options: string) =>
        server().asRoot(
          `PGPASSWORD=${postgres.adminPassword} psql -X -At "host=127.0.0.1 dbname=postgres user=bascule ${options}" -c 'select version from pg_stat_ssl where pid = pg_backend_pid()' 2>&1 || true`,
        );
      assert.equal(await from("sslmode=require"), "TLSv1.3");
      assert.match(await from("sslmode=disable"), /no pg_hba\.conf entry .*no encryption/);
      assert.match(await from("sslmode=require ssl_max_protocol_version=TLSv1.1"), /error/);
      assert.match(await from("sslmode=require password=wrong"), /password authentication failed/);
      const issuer = await server().asRoot(`openssl x509 -noout -subject -in ${cluster}/server.crt`);
      assert.match(issuer, /CN ?= ?test-p/);
      assert.equal(
        await sql(world, "SELECT count(*) FROM pg_authid WHERE rolpassword NOT LIKE 'SCRAM-SHA-256$%'"),
        "0",
      );
    });

    it("does its work inside its sandbox: JIT, base backup, files where they belong and nowhere else", async () => {
      const score = await exposure(world, unit);
      assert.ok(score <= 4, `exposure ${score}`);
      const jit = await sql(
        world,
        "SET jit = on; SET jit_above_cost = 0; EXPLAIN (ANALYZE) SELECT sum(n) FROM generate_series(1, 1000) AS n",
      );
      assert.match(jit, /JIT:/);
      await sql(
        world,
        String.raw`\! mkdir -p /var/lib/postgresql/archive
        COPY (SELECT 1) TO PROGRAM 'cat >/var/lib/postgresql/archive/segment';`,
      );
      assert.equal(await world.server().asRoot("cat /var/lib/postgresql/archive/segment"), "1");
      await assert.rejects(sql(world, `COPY (SELECT 1) TO '${cluster}/conf.d/evil.conf'`), /Read-only file system/);
      await world
        .server()
        .asRoot(
          "cd / && setpriv --reuid=postgres --regid=postgres --init-groups pg_basebackup -D /var/lib/postgresql/archive/base -X stream --checkpoint=fast",
        );
      assert.equal(await world.server().asRoot("cat /var/lib/postgresql/archive/base/PG_VERSION"), version);
    });

    it("finds settings changed past its files, whoever they hold for, and takes them back", async () => {
      await sql(
        world,
        "ALTER SYSTEM SET log_temp_files = 5; ALTER DATABASE template1 SET synchronous_commit = off; ALTER ROLE bascule SET password_encryption = 'md5'; ALTER ROLE bascule SET work_mem = '9MB'; SELECT pg_reload_conf()",
      );
      await sleep(300);
      const drift = JSON.stringify(await check());
      for (const name of ["log_temp_files", "synchronous_commit", "password_encryption"]) {
        assert.match(drift, new RegExp(name));
      }
      assert.doesNotMatch(drift, /work_mem/, "a role may sort more than others");
      assertResult(await world.server().apply(renderPostgres(spec)), 0, "changed");
      assert.equal((await check()).clean, true);
      assert.equal(await sql(world, "SHOW log_temp_files"), "10MB");
      assert.match(await sql(world, "SELECT setconfig FROM pg_db_role_setting"), /^\{work_mem=9MB\}$/);
    });

    it("moves a file aside that PostgreSQL would read beside ours", async () => {
      await world.server().asRoot(`echo 'fsync = off' >${cluster}/conf.d/zz.conf`);
      assert.match(JSON.stringify(await check()), /conf\.d\/zz\.conf/);
      assertResult(await world.server().apply(renderPostgres(spec)), 0, "changed");
      assert.equal(await world.server().asRoot(`ls ${cluster}/conf.d`), "bascule.conf");
    });

    it("puts a restart off to its window and says so, and reloads the rest at once", async () => {
      const before = await started();
      const later: PostgresSpec = { ...spec, cores: 4, maxConnections: 70, restartWindow: closedWindow() };
      const answer = await world.server().apply(renderPostgres(later));
      assertResult(answer, 0, "changed");
      assert.match(JSON.stringify(answer.body.pendingRestarts), new RegExp(unit));
      assert.equal(await started(), before);
      assert.equal(
        await sql(
          world,
          "SHOW max_connections; SHOW max_parallel_workers; SELECT name FROM pg_settings WHERE pending_restart",
        ),
        "60\n4\nmax_connections",
      );
      assert.match(JSON.stringify(await check()), /"kind": ?"restart"/);
    });

    it("restarts at once where it is told to", async () => {
      const { restartWindow: _window, ...now } = { ...spec, cores: 4, maxConnections: 70, restartWindow: "" };
      assertResult(await world.server().apply(renderPostgres(now)), 0, "changed");
      assert.equal(
        await sql(world, "SHOW max_connections; SELECT count(*) FROM pg_settings WHERE pending_restart"),
        "70\n0",
      );
      assert.equal((await check()).clean, true);
    });
  });
}
