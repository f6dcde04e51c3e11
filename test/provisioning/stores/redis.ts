import assert from "node:assert/strict";
import { openRedis } from "../../../examples/girlycrea/app/redis.ts";
import { renderRedis } from "../../../provisioning/redis/render.ts";
import { openForward } from "../../../provisioning/ssh/forward.ts";
import { redisWithQueue } from "../specs.ts";
import { assertResult, exposure, names, type StoresWorld } from "./world.ts";

export function redisTests(world: StoresWorld): void {
  const { image } = world;
  const { engine } = names(image);
  const spec = { ...redisWithQueue, image };
  const { queue } = redisWithQueue;
  assert.ok(queue);
  /** What the client said to a command, given by standard input so that no password is an argument. */
  const ask = (port: number, user: string, password: string, command: string) =>
    world
      .server()
      .asRoot(
        `echo '${command}' | REDISCLI_AUTH=${password} ${engine}-cli --no-auth-warning -p ${port} --user ${user} 2>&1`,
      );

  describe(`${engine}, cache and queue`, () => {
    it("come up, each with its memory and its policy, and say unchanged the second time", async () => {
      assertResult(await world.server().apply(renderRedis(spec)), 0, "changed");
      assertResult(await world.server().apply(renderRedis(spec)), 0, "unchanged");
      const settings = (port: number) =>
        ask(port, "monitor", spec.monitorPassword, "CONFIG GET maxmemory-policy maxmemory appendonly");
      assert.match(
        await settings(6379),
        /maxmemory\n268435456\n[\s\S]*allkeys-lfu|allkeys-lfu[\s\S]*maxmemory\n268435456/,
      );
      assert.match(await settings(6380), /maxmemory\n67108864\n[\s\S]*noeviction|noeviction[\s\S]*maxmemory\n67108864/);
    });

    it("know nobody without a name, and one user per purpose", async () => {
      const stranger = await world.server().asRoot(`${engine}-cli ping 2>&1; ${engine}-cli -p 6380 ping 2>&1`);
      assert.equal(stranger.match(/NOAUTH/g)?.length, 2, stranger);
      const { password } = spec.cache;
      assert.match(await ask(6379, "default", password, "PING"), /WRONGPASS|NOAUTH/);
      assert.equal(await ask(6379, "app", password, "SET greeting hello"), "OK");
      for (const command of ["CONFIG GET maxmemory", "FLUSHALL", "KEYS *", "ACL LIST", "SHUTDOWN"]) {
        assert.match(await ask(6379, "app", password, command), /NOPERM/, command);
      }
      assert.match(await ask(6379, "monitor", spec.monitorPassword, "GET greeting"), /NOPERM/);
      assert.match(
        await ask(6380, "app", password, "PING"),
        /WRONGPASS|NOAUTH/,
        "the cache's password opens the queue",
      );
    });

    it("let the application in by its URL, with what caches and queues need", async () => {
      const { address: host, privateKey, hostKey } = world.server();
      const forward = await openForward({
        host,
        user: "deploy",
        privateKey,
        hostKey,
        localPort: 15_940,
        remotePort: 6380,
      });
      // As the shop does it.
      const client = openRedis(`redis://app:${queue.password}@127.0.0.1:15940`, () => undefined);
      try {
        assert.equal(await client.rpush("jobs", "one", "two"), 2);
        assert.equal(await client.eval("return redis.call('llen', KEYS[1])", 1, "jobs"), 2);
        assert.match(await client.info("server"), /redis_version/);
        const group = await client.xgroup("CREATE", "events", "workers", "$", "MKSTREAM");
        assert.equal(group, "OK");
      } finally {
        client.disconnect();
        forward.close();
      }
    });

    it("refuse to write a full queue rather than lose a job, and keep the jobs through a restart", async () => {
      // A script that has begun is let through to its end; the next command meets a full server.
      const fill = 'EVAL "for i = 1, 70 do redis.call(\\"set\\", \\"job\\" .. i, string.rep(\\"x\\", 1048576)) end" 0';
      assert.equal(await ask(6380, "app", queue.password, fill), "");
      assert.match(await ask(6380, "app", queue.password, "RPUSH jobs three"), /OOM/);
      assert.equal(await ask(6380, "app", queue.password, "LLEN jobs"), "2");
      const more = { ...spec, queue: { ...queue, maxmemoryMiB: 96 } };
      assertResult(await world.server().apply(renderRedis(more)), 0, "changed");
      assert.equal(await ask(6380, "app", queue.password, "LLEN jobs"), "2");
    });

    it("run inside their sandbox", async () => {
      for (const unit of [`${engine}-server.service`, `${engine}-server@queue.service`]) {
        const score = await exposure(world, unit);
        assert.ok(score <= 3, `${unit}: exposure ${score}`);
      }
    });

    it("stop the queue when it is not asked for any more, and leave its keys on the disk", async () => {
      const { queue: _queue, ...alone } = spec;
      assertResult(await world.server().apply(renderRedis(alone)), 0, "changed");
      const state = await world.server().asRoot(`systemctl is-active ${engine}-server@queue || true`);
      assert.equal(state, "inactive");
      assert.match(await world.server().asRoot(`ls /var/lib/${engine}/queue`), /appendonlydir/);
    });
  });
}
