import { strictEqual } from "node:assert";
import { Database } from "../../migration/postgres/database.ts";
import { type Major, startCluster } from "./support/cluster.ts";

describe("databases of the tests", function () {
  this.timeout(60_000);
  for (const major of [15, 16, 17, 18] satisfies Major[]) {
    it(`has PostgreSQL ${major}, and it comes back after its power was cut`, async () => {
      const cluster = await startCluster(major);
      const blue = new Database("blue", {
        host: "127.0.0.1",
        port: cluster.port,
        user: "postgres",
        database: "postgres",
      });
      try {
        strictEqual((await blue.one("SHOW server_version_num")).server_version_num?.slice(0, 2), String(major));
        await blue.query("CREATE TABLE kept AS SELECT 1.10::numeric AS price");
        await blue.query("CHECKPOINT");
        await cluster.kill();
        await cluster.start();
        strictEqual((await blue.one("SELECT price FROM kept")).price, "1.10");
      } finally {
        await blue.close();
        await cluster.remove();
      }
    });
  }
});
