import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import { renderInspection } from "../../../migration/postgres/inspect/render.ts";
import { inspect } from "../../../migration/redis/inspect/inspect.ts";
import { Policies } from "../../../migration/redis/policy.ts";
import { integer } from "../../../migration/redis/reply.ts";
import { Server } from "../../../migration/redis/server.ts";
import { startRedis, type TestServer } from "./support/server.ts";
import { fill } from "./support/values.ts";

const policies = Policies.parse({ "copy:": "copy", "cache:": "drop" });

describe("what the inspection of two Redis servers finds", function () {
  this.timeout(30_000);
  let servers: TestServer[];
  let blue: Server;
  let green: Server;
  before(async () => {
    servers = await Promise.all([startRedis(), startRedis("--maxmemory", "64mb")]);
    [blue, green] = [servers[0]?.connect("blue"), servers[1]?.connect("green")] as [Server, Server];
    await fill(blue);
  });
  after(async () => {
    for (const server of [blue, green]) server.close();
    await Promise.all(servers.map((server) => server.remove()));
  });

  it("lets two servers pass that are as they should be, and leaves nothing behind", async () => {
    const inspection = await inspect({ blue, green, policies });
    ok(inspection.ready, renderInspection(inspection));
    const shown = renderInspection(inspection);
    match(shown, /carried +notifications.blue .*switches them on/);
    match(shown, /info +keys +"copy:": 17 keys, .*: copy/);
    match(shown, /info +keys +"cache:": 1 keys: drop/);
    strictEqual(integer(await blue.ask("DBSIZE")), 17 + 1);
  });

  it("names what is in the way", async () => {
    await blue.pipeline([
      ["SET", "mail:1", "x"],
      ["SET", "mail:2", "x"],
      ["SELECT", "3"],
      ["SET", "other", "x"],
      ["SELECT", "0"],
    ]);
    await green.pipeline([
      ["SET", "somebody's", "x"],
      ["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"],
    ]);
    const { ready, findings } = await inspect({ blue, green, policies });
    strictEqual(ready, false);
    const bad = findings.filter(({ level }) => level === "blocks" || level === "setting");
    deepStrictEqual(bad.map(({ id }) => id).sort(), ["databases.blue", "eviction.green", "foreign-keys", "keys"]);
    match(bad.map(({ what }) => what).join("\n"), /2 keys are covered by no prefix: 2 of "mail:"/);
  });

  it("says of a managed server what it refuses, and of a wrong password that nothing was looked at", async () => {
    await blue.ask(
      "ACL",
      "SETUSER",
      "managed",
      "on",
      ">pw",
      "~*",
      "&*",
      "+@all",
      "-config",
      "-acl",
      "-client|list",
      "-memory",
      "-psync",
    );
    const managed = new Server("blue", { ...blue.access, username: "managed", password: "pw" });
    const wrong = new Server("blue", { ...blue.access, username: "managed", password: "no" });
    const found = await inspect({ blue: managed, green, policies });
    const words = renderInspection(found);
    match(words, /SETTING +notifications.blue .*cannot be switched on/);
    match(words, /ACL WHOAMI is refused/);
    const refused = await inspect({ blue: wrong, green, policies });
    match(renderInspection(refused), /BLOCKS +connection .*WRONGPASS[\s\S]*checks could not be made/);
    for (const server of [managed, wrong]) server.close();
  });
});
