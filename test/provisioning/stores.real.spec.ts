import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { renderBase } from "../../provisioning/base/render.ts";
import { packagesFor } from "../../provisioning/packages.ts";
import { startServer, type TestServer } from "./server.ts";
import { base } from "./specs.ts";
import { pgbouncerTests } from "./stores/pgbouncer.ts";
import { postgresTests } from "./stores/postgres.ts";
import { redisTests } from "./stores/redis.ts";
import { assertResult } from "./stores/world.ts";

for (const image of ["debian-13", "debian-12"] as const) {
  describe(`database, pool and caches on ${image}`, function () {
    this.timeout(180_000);
    let server: TestServer;
    const state = process.env.XDG_STATE_HOME;
    const ownState = mkdtempSync(join(tmpdir(), "bascule-state-"));
    const world = { image, server: () => server };

    before(async () => {
      process.env.XDG_STATE_HOME = ownState;
      server = await startServer({ image });
      const packages = packagesFor(image, ["postgres", "pgbouncer", "redis"]);
      assertResult(await server.apply(renderBase({ ...base, image, packages })), 0);
    });

    after(async () => {
      await server?.remove();
      if (state === undefined) delete process.env.XDG_STATE_HOME;
      else process.env.XDG_STATE_HOME = state;
      rmSync(ownState, { recursive: true });
    });

    postgresTests(world);
    pgbouncerTests(world);
    redisTests(world);
  });
}
