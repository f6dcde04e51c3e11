import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { openAlone, takesWrites } from "../../../migration/redis/alone.ts";
import type { Carrier } from "../../../migration/redis/carry.ts";
import { endMove, type Move, openMove, type Session } from "../../../migration/redis/move.ts";
import { Policies } from "../../../migration/redis/policy.ts";
import { list, text } from "../../../migration/redis/reply.ts";
import { Server } from "../../../migration/redis/server.ts";
import { exitCodeOf, type SwitchOptions, switchTo } from "../../../migration/redis/switch.ts";
import { otherSide, type Side } from "../../../migration/side.ts";
import { startRedis, type TestServer } from "./support/server.ts";
import { fill } from "./support/values.ts";
import { check, startWriters, type Writers } from "./support/writer.ts";

const OPERATOR = fileURLToPath(new URL("./support/operator.ts", import.meta.url));
const who = "the test";

describe("the switch of Redis keys", function () {
  this.timeout(30_000);
  let servers: Record<Side, TestServer>;
  let direct: Record<Side, Server>;
  let move: Move;
  let writers: Writers | undefined;

  before(async () => {
    const [blue, green] = await Promise.all([startRedis(), startRedis()]);
    servers = { blue, green };
    direct = { blue: blue.connect("blue"), green: green.connect("green") };
    move = {
      access: { blue: blue.access, green: green.access },
      policies: Policies.parse({ "copy:": "copy", "cache:": "drop", "queue:": "drain" }),
      writers: { blue: ["app"], green: ["app"] },
      point: async (to) => {
        if (writers !== undefined) writers.side = to;
      },
    };
  });
  after(async () => {
    for (const side of ["blue", "green"] as const) {
      direct[side].close();
      await servers[side].remove();
    }
  });
  beforeEach(async () => {
    for (const server of Object.values(direct)) {
      await server.ask("FLUSHALL");
      await server.ask("CONFIG", "SET", "notify-keyspace-events", "");
      await server.ask("ACL", "SETUSER", "app", "+@all", "-@admin");
    }
    await fill(direct.blue);
    writers = undefined;
  });
  afterEach(() => writers?.stop());

  const start = () => {
    writers = startWriters({ blue: servers.blue.app, green: servers.green.app });
    return writers;
  };
  /** With somebody who follows meanwhile, as in earnest. */
  async function within<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const session = await openMove(move, { who });
    const ending = new AbortController();
    const following = session.follow(ending.signal);
    try {
      return await work(session);
    } finally {
      ending.abort();
      await following.catch(() => undefined);
      await session.close();
    }
  }
  const mayWrite = async (side: Side) => {
    const app = new Server(side, servers[side].app);
    const [reply] = await app.pipeline([["SET", "copy:probe", "1"]]);
    app.close();
    return !(reply instanceof Error);
  };

  it("goes there, back and there again under writes, and loses none", async () => {
    const shoppers = start();
    await within(async (session) => {
      for (const to of ["green", "blue", "green"] as const) {
        await shoppers.progress(150);
        const report = await switchTo(session, { to });
        deepStrictEqual([report.writer, report.proof, exitCodeOf(report)], [to, "compared", 0]);
        ok(report.compared > 100 && report.freezeMs < 5_000, JSON.stringify(report));
        deepStrictEqual(await check(direct[to], shoppers), []);
        strictEqual(await mayWrite(otherSide(to)), false);
      }
      await shoppers.progress(50);
      await shoppers.stop();
      deepStrictEqual(await check(direct.green, shoppers), []);
    });
    strictEqual(shoppers.unknown.size, 0);
  });

  it("says so, and ends with another code, where it was not compared", () =>
    within(async (session) => {
      const report = await switchTo(session, { to: "green", proof: false });
      deepStrictEqual([report.proof, exitCodeOf(report)], ["converged", 4]);
      match(report.promises[0] ?? "", /converged, not compared/);
    }));

  const refusals: [string, (session: Session) => Promise<unknown>, Partial<SwitchOptions>, RegExp][] = [
    [
      "a queue that is not empty",
      () => direct.blue.ask("RPUSH", "queue:mail", "1"),
      { drainMs: 200 },
      /1 keys to be drained are left: "queue:mail"/,
    ],
    [
      "a key that no prefix covers",
      () => direct.blue.ask("SET", "lost", "1"),
      {},
      /1 keys are covered by no prefix: "lost"/,
    ],
    ["a budget that does not suffice", async () => undefined, { budgetMs: 0 }, /not switched, blue is open as before/],
  ];
  for (const [what, prepare, options, message] of refusals)
    it(`refuses ${what}, and blue is open as before`, () =>
      within(async (session) => {
        await prepare(session);
        await session.follower.tracker.barrier(1_000);
        await rejects(switchTo(session, { to: "green", ...options }), message);
        deepStrictEqual([await mayWrite("blue"), await mayWrite("green")], [true, false]);
        await direct.blue.ask("DEL", "queue:mail", "lost");
        strictEqual((await switchTo(session, { to: "green" })).writer, "green");
      }));

  it("refuses a green with keys of somebody else, and takes its own earlier attempt", async () => {
    await direct.green.ask("SET", "copy:foreign", "1");
    await rejects(openMove(move, { who }), /green holds 1 keys already, such as "copy:foreign"/);
    strictEqual(await mayWrite("blue"), true);
    await direct.green.ask("FLUSHALL");
    for (let times = 0; times < 2; times += 1) await within((session) => session.follower.catchUp(Date.now() + 5_000));
    await within(endMove);
    deepStrictEqual([await mayWrite("blue"), await mayWrite("green")], [true, true]);
    const [, notify] = list(await direct.blue.ask("CONFIG", "GET", "notify-keyspace-events"));
    strictEqual(text(notify), "");
  });

  it("lets one operator work at a time", () =>
    within(() => rejects(openMove(move, { who: "another" }), /the test is at work on this move/)));

  it("comes to itself after everything on blue was deleted during the move", () =>
    within(async (session) => {
      const shoppers = start();
      await shoppers.progress(50);
      await session.follower.catchUp(Date.now() + 5_000);
      await direct.blue.ask("FLUSHALL");
      shoppers.acked.clear();
      shoppers.counted.acked = 0;
      await shoppers.progress(30);
      await switchTo(session, { to: "green" });
      strictEqual(await direct.green.ask("EXISTS", "copy:set"), 0);
      strictEqual(await mayWrite("green"), true);
    }));

  for (const dieAt of ["begin R1", "end R1", "end R3", "end R5", "end R6", "end R7", "begin R8"])
    it(`is finished or undone by the next call when the operator is killed at the ${dieAt}`, async () => {
      const shoppers = start();
      await shoppers.progress(20);
      const task = JSON.stringify({ access: move.access, to: "green", dieAt });
      const [, signal] = await once(spawn(process.execPath, [OPERATOR, task], { stdio: "inherit" }), "exit");
      strictEqual(signal, "SIGKILL");
      const decided = /R7|R8/.test(dieAt) && dieAt !== "begin R7";
      await within(async (session) => {
        strictEqual(session.writer, decided ? "green" : "blue");
        if (!decided) await switchTo(session, { to: "green" });
        await shoppers.progress(20);
        await shoppers.stop();
        deepStrictEqual(await check(direct.green, shoppers), []);
        strictEqual(await mayWrite("blue"), false);
      });
    });

  it("opens one side alone when the other is gone with the keys", async () => {
    await within((session) => switchTo(session, { to: "green" }));
    const { access } = servers.blue;
    deepStrictEqual([await takesWrites("blue", access), await mayWrite("blue")], [false, false]);
    await openAlone("blue", access);
    deepStrictEqual([await takesWrites("blue", access), await mayWrite("blue")], [true, true]);
    await within(async (session) => strictEqual(session.writer, "blue"));
    strictEqual(await mayWrite("green"), false);
  });

  const mutations: [string, (carrier: Carrier, session: Session) => void, RegExp][] = [
    [
      "what changed is ignored",
      (_, { follower: { tracker } }) => {
        const take = tracker.take.bind(tracker);
        tracker.take = (most) => {
          take(most);
          return [];
        };
      },
      /lost/,
    ],
    [
      "the moment a key goes is ignored",
      (carrier) => {
        const carry = carrier.carry.bind(carrier);
        carrier.carry = async (keys) => {
          const result = await carry(keys);
          await carrier.to.pipeline(keys.map((key) => ["PERSIST", key] as const));
          return result;
        };
      },
      /with another life/,
    ],
    [
      "deletions are ignored",
      (carrier) => {
        const carry = carrier.carry.bind(carrier);
        carrier.carry = async (keys) => {
          const there = await carrier.from.pipeline(keys.map((key) => ["EXISTS", key] as const));
          return carry(keys.filter((_, at) => there[at] === 1));
        };
      },
      /there though deleted/,
    ],
  ];
  for (const [what, mutate, finds] of mutations)
    it(`is refused by the comparison, and seen by the checker, when ${what}`, () =>
      within(async (session) => {
        const shoppers = start();
        await session.follower.catchUp(Date.now() + 5_000);
        mutate(session.follower.carrier, session);
        await shoppers.progress(100);
        await pause(20);
        await rejects(switchTo(session, { to: "green" }), /not switched/);
        await switchTo(session, { to: "green", proof: false });
        await shoppers.stop();
        match((await check(direct.green, shoppers)).join(", "), finds);
      }));
});
