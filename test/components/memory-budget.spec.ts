import assert from "node:assert/strict";
import fc from "fast-check";
import { divideMemory, memoryProblems } from "../../components/memory-budget.ts";
import { poolConnections, renderPgBouncer } from "../../provisioning/pgbouncer/render.ts";
import { parseSettings } from "../../settings/parse.ts";
import { pgbouncer } from "../provisioning/specs.ts";
import { refused } from "../settings/refused.ts";
import { validSettings } from "../settings/valid.ts";

const settings = parseSettings(validSettings);

describe("components: memory", () => {
  it("gives PostgreSQL what its neighbours leave of 8 GiB, and the cache a sixteenth", () => {
    const { postgresMiB, cacheMiB, queueMiB } = divideMemory(settings, 8192, 4);
    assert.deepEqual({ postgresMiB, cacheMiB, queueMiB }, { postgresMiB: 6645, cacheMiB: 512, queueMiB: 0 });
  });

  it("takes the cache's memory from its setting, and makes room for a queue", () => {
    const redis = { ...settings.redis, maxmemoryMiB: 100, queue: true };
    const { cacheMiB, queueMiB, parts } = divideMemory({ ...settings, redis }, 8192, 4);
    assert.deepEqual([cacheMiB, queueMiB], [100, 256]);
    assert.equal(parts.find(({ part }) => part.startsWith("queue"))?.MiB, 330);
  });

  it("counts PM2 beside the instances, where it runs them", () => {
    const parts = (runtime: "systemd" | "pm2") =>
      divideMemory({ ...settings, app: { ...settings.app, runtime } }, 8192, 4).parts.filter(
        ({ part }) => part === "PM2",
      );
    assert.deepEqual([parts("systemd"), parts("pm2")], [[], [{ part: "PM2", MiB: 160 }]]);
  });

  it("says with a table of every part what a server is too small for", () => {
    assert.deepEqual(memoryProblems(settings, 8192, 4), []);
    const app = { ...settings.app, instances: 8, memoryMiB: 200 };
    const pool = { poolSize: 60, maxClientConnections: 10_000 };
    const redis = { ...settings.redis, maxmemoryMiB: 1024, queue: true };
    assert.deepEqual(memoryProblems({ ...settings, app, pgbouncer: pool, redis }, 4096, 2), [
      [
        'bascule:server.type: got "cx33", whose memory does not hold what is to run on it (MiB):',
        "  system, SSH and Nginx                         400",
        "  PgBouncer, 10000 clients                       74",
        "  cache, maxmemory 1024                        1290",
        "  queue, maxmemory 128                          170",
        "  application, 8 instances of 200              1600",
        "  PostgreSQL, shared_buffers                    140",
        "  PostgreSQL, work_mem 4 in 75 connections      300",
        "  PostgreSQL, 77 connections of 4               308",
        "  PostgreSQL, maintenance_work_mem               64",
        "  PostgreSQL, 3 autovacuum workers of 32         96",
        "  together                                     4442",
        "  the server has                               4096",
        "allowed: a type with more memory, fewer bascule:app.instances, or smaller bascule:redis.maxmemoryMiB, " +
          "bascule:pgbouncer.poolSize or bascule:app.memoryMiB. " +
          "Set it: pulumi config set --path 'bascule:server.type' cx43",
      ].join("\n"),
    ]);
  });

  it("never hands out more than there is without saying so", () => {
    const machine = fc.record({
      memoryMiB: fc.integer({ min: 512, max: 1_048_576 }),
      cores: fc.integer({ min: 1, max: 96 }),
      instances: fc.integer({ min: 1, max: 32 }),
      poolSize: fc.integer({ min: 1, max: 70 }),
    });
    fc.assert(
      fc.property(machine, ({ memoryMiB, cores, instances, poolSize }) => {
        const asked = {
          ...settings,
          app: { ...settings.app, instances },
          pgbouncer: { ...settings.pgbouncer, poolSize },
        };
        const { parts } = divideMemory(asked, memoryMiB, cores);
        const together = parts.reduce((total, { MiB }) => total + MiB, 0);
        assert.equal(memoryProblems(asked, memoryMiB, cores).length, together > memoryMiB ? 1 : 0);
      }),
    );
  });

  it("counts connections as PgBouncer's configuration and the settings' rule do", () => {
    const largest = 70;
    const ini = renderPgBouncer({ ...pgbouncer, poolSize: largest }).files[0]?.content ?? "";
    assert.match(ini, new RegExp(`^max_db_connections = ${poolConnections(largest)}$`, "m"));
    const [, , lines] = refused.find(([name]) => name === "a pool larger than the server") ?? [];
    assert.match(lines?.[0] ?? "", new RegExp(`allowed: at most ${largest},`));
    assert.ok(poolConnections(largest) + 10 <= settings.postgres.maxConnections);
    assert.ok(poolConnections(largest + 1) + 10 > settings.postgres.maxConnections);
  });
});
