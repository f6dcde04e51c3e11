import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { setTimeout as pause } from "node:timers/promises";
import { Carrier } from "../../../migration/redis/carry.ts";
import { compare, compareInUse } from "../../../migration/redis/compare.ts";
import { Follower, type Progress } from "../../../migration/redis/follower.ts";
import { Policies } from "../../../migration/redis/policy.ts";
import { integer, showKey } from "../../../migration/redis/reply.ts";
import { type Question, Server } from "../../../migration/redis/server.ts";
import { Tracker } from "../../../migration/redis/tracker.ts";
import { startRedis, type TestServer } from "./support/server.ts";
import { fill, ODD } from "./support/values.ts";

const policies = Policies.parse({ "copy:": "copy", "cache:": "drop", "queue:": "drain" });

describe("keys from one Redis to another", function () {
  this.timeout(30_000);
  let servers: TestServer[];
  let blue: Server;
  let green: Server;
  const open: { close(): void }[] = [];

  before(async () => {
    servers = await Promise.all([startRedis("--notify-keyspace-events", "EA"), startRedis()]);
  });
  after(() => Promise.all(servers.map((server) => server.remove())));
  beforeEach(async () => {
    [blue, green] = [servers[0]?.connect("blue"), servers[1]?.connect("green")] as [Server, Server];
    open.push(blue, green);
    for (const server of [blue, green]) await server.ask("FLUSHALL");
  });
  afterEach(() => {
    for (const one of open.splice(0)) one.close();
  });

  function follower(
    options: { payloads?: boolean; bigBytes?: number; onProgress?: (progress: Progress) => void } = {},
  ) {
    const { payloads = true, bigBytes, onProgress } = options;
    const tracker = new Tracker(blue, policies, "bascule");
    open.push(tracker);
    const carrier = new Carrier(blue, green, { payloads, ...(bigBytes === undefined ? {} : { bigBytes }) });
    return new Follower(tracker, carrier, policies, onProgress === undefined ? {} : { onProgress });
  }
  const soon = () => Date.now() + 10_000;
  async function assertSame(toleranceMs = 0): Promise<void> {
    const { complete, differences } = await compare(blue, green, policies, { toleranceMs });
    deepStrictEqual([complete, ...differences.map(({ key, what }) => `${showKey(key)} ${what}`)], [true]);
  }

  for (const [how, options] of [
    ["by their payloads", {}],
    ["type by type", { payloads: false }],
    ["in parts where they are large", { bigBytes: 1_000 }],
  ] as const)
    it(`brings every type ${how}, with the moment it goes`, async () => {
      await fill(blue);
      ok(await follower(options).catchUp(soon()));
      await assertSame();
      strictEqual(integer(await green.ask("EXISTS", "cache:page")), 0);
      ok(integer(await green.ask("PTTL", "copy:list")) > 3_500_000);
    });

  it("finds each kind of difference", async () => {
    await fill(blue);
    ok(await follower().catchUp(soon()));
    const changes: Question[] = [
      ["APPEND", "copy:string", "x"],
      ["DEL", "copy:small hash"],
      ["SET", "copy:only here", "1"],
      ["PERSIST", "copy:list"],
      ["PEXPIRE", "copy:empty", 500_000],
      ["ZADD", "copy:scores", "0.2", ODD],
      ["SREM", "copy:set", "member 7"],
      ["XACK", "copy:stream", "group", "14-0"],
    ];
    await green.pipeline(changes);
    const { differences } = await compare(blue, green, policies);
    deepStrictEqual(differences.map(({ key }) => key.toString()).sort(), [
      "copy:empty",
      "copy:list",
      "copy:only here",
      "copy:scores",
      "copy:set",
      "copy:small hash",
      "copy:stream",
      "copy:string",
    ]);
  });

  it("follows what changes, goes and expires", async () => {
    await fill(blue);
    const progress: Progress[] = [];
    const one = follower({ onProgress: (now) => progress.push(now) });
    ok(await one.catchUp(soon()));
    await blue.pipeline([
      ["DEL", "copy:string"],
      ["APPEND", "copy:empty", "x"],
      ["RENAME", "copy:bits", "copy:renamed"],
      ["SET", "copy:short", "1", "PX", 30],
      ["PEXPIRE", "copy:set", 5_000_000],
      ["PERSIST", "copy:list"],
      ["EVAL", "redis.call('SET', KEYS[1], 'x')", 1, "copy:script"],
      ["RPUSH", "queue:mail", "one"],
      ["SET", "unknown", "x"],
    ]);
    await pause(40);
    await blue.ask("EXISTS", "copy:short");
    ok(await one.tracker.barrier(2_000));
    ok(await one.catchUp(soon()));
    await assertSame();
    deepStrictEqual([...one.tracker.queues, ...one.tracker.uncovered], ["queue:mail", "unknown"]);
    strictEqual(progress.at(-1)?.sweeps, 1);
    strictEqual(progress.at(-1)?.dirty, 0);
  });

  it("looks at everything again after its notifications were cut off, or the database was emptied", async () => {
    await fill(blue);
    const one = follower();
    ok(await one.catchUp(soon()));
    await blue.ask("CLIENT", "KILL", "TYPE", "pubsub");
    await blue.pipeline([
      ["DEL", "copy:set"],
      ["SET", "copy:new", "1"],
    ]);
    ok(!(await one.tracker.barrier(2_000)));
    ok(await one.catchUp(soon()));
    await assertSame();
    await blue.pipeline([["FLUSHALL"], ["SET", "copy:after", "1"]]);
    ok(await one.tracker.barrier(2_000));
    ok(!one.isCurrent);
    ok(await one.catchUp(soon()));
    await assertSame();
    strictEqual(one.progress.sweeps, 3);
    strictEqual(one.tracker.interruptions, 1);
  });

  it("compares sides in use: a key that never rests is carried, one that changes on one side only is not", async () => {
    await blue.ask("SET", "copy:left behind", "1");
    let turn = 0;
    const writing = setInterval(() => {
      turn += 1;
      void blue.ask("MSET", "copy:never rests", turn, "copy:stuck", turn);
      void green.ask("MSET", "copy:never rests", turn - 1, "copy:stuck", "0");
    }, 5);
    try {
      while (turn < 3) await pause(5);
      const { complete, changing, differences } = await compareInUse(blue, green, policies);
      deepStrictEqual([complete, changing], [true, 1]);
      deepStrictEqual(differences.map(({ key, what }) => `${showKey(key)} ${what}`).sort(), [
        '"copy:left behind" is missing on the receiving side',
        '"copy:stuck" has another value',
      ]);
    } finally {
      clearInterval(writing);
    }
  });

  it("keeps to a number of commands a second", async () => {
    const slow = new Server("blue", { ...blue.access, commandsPerSecond: 2_000 });
    open.push(slow);
    const began = performance.now();
    for (let times = 0; times < 6; times += 1)
      await slow.pipeline(Array.from({ length: 100 }, (): Question => ["PING"]));
    const took = performance.now() - began;
    ok(took > 150 && took < 1_500, `600 commands at 2,000 a second took ${took} ms`);
  });
});
