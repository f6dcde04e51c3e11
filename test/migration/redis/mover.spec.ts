import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert";
import type { ChildProcess } from "node:child_process";
import { blueRedisAccess } from "../../../migration/mover/keys/configuration.ts";
import { keysStatus } from "../../../migration/mover/keys/status.ts";
import {
  commitKeys,
  followKeys,
  moveKeys,
  requireKeysFollow,
  requireKeysReady,
  verifyKeys,
} from "../../../migration/mover/keys/verbs.ts";
import { openMove } from "../../../migration/redis/move.ts";
import { Server } from "../../../migration/redis/server.ts";
import type { Side } from "../../../migration/side.ts";
import { end, type KeysGround, startKeysGround, until } from "./support/keys-ground.ts";
import { fill } from "./support/values.ts";
import { check, startWriters, type Writers } from "./support/writer.ts";

const BUDGET_MS = 10_000;

describe("the address of blue's Redis", () => {
  it("has everything of it, whatever the password is made of", () => {
    const url = `rediss://the%20user:${encodeURIComponent("p@ss/w:rd #1?%&=+")}@cache.example.com`;
    deepStrictEqual(blueRedisAccess(url), {
      host: "cache.example.com",
      port: 6379,
      username: "the user",
      password: "p@ss/w:rd #1?%&=+",
      tls: { servername: "cache.example.com", rejectUnauthorized: true },
    });
  });

  it("verifies a certificate unless told not to, and asks an address for no name", () => {
    deepStrictEqual(blueRedisAccess("rediss://u:p@[2001:db8::7]:6380/0?verify=none"), {
      host: "2001:db8::7",
      port: 6380,
      username: "u",
      password: "p",
      tls: { rejectUnauthorized: false },
    });
    strictEqual(blueRedisAccess("redis://u:p@203.0.113.7").tls, undefined);
  });
});

describe("keys moved by the mover, with the application behind the relay", function () {
  this.timeout(40_000);
  let ground: KeysGround;
  let keeper: ChildProcess;
  let writers: Writers | undefined;

  before(async () => {
    ground = await startKeysGround();
    await fill(ground.direct.blue);
    keeper = ground.startKeeper();
    await until(ground.keys, () => ground.keys.mailbox.note?.state === "resting");
  });
  after(async () => {
    await writers?.stop();
    await ground.remove();
  });

  const where = async (): Promise<Side> => {
    const client = new Server("green", ground.relayed);
    try {
      const name = `cache:where:${Math.random()}`;
      await client.ask("SET", name, "1", "PX", 1_000);
      return (await ground.direct.blue.ask("EXISTS", name)) === 1 ? "blue" : "green";
    } finally {
      client.close();
    }
  };

  it("leaves the application on green's own keys until something is asked of it", async () => {
    strictEqual(await where(), "green");
    strictEqual((await keysStatus(ground.keys)).state, "none");
    await rejects(requireKeysFollow(ground.keys, "green"), /the keys were not brought to green yet: bascule sync/);
  });

  it("refuses keys without a policy, with their number, and keys that only green has", async () => {
    const { direct, keys } = ground;
    await direct.blue.ask("MSET", "mail:1", "x", "mail:2", "x", "lost", "x");
    await rejects(
      requireKeysReady(keys, false),
      /blue: 3 keys are covered by no prefix: 2 of "mail:", 1 of "lost"\. Declare each: .*redis\.move\["mail:"\]/,
    );
    await direct.blue.ask("DEL", "mail:1", "mail:2", "lost");
    await direct.green.ask("SET", "copy:first start", "x");
    await rejects(requireKeysReady(keys, false), /green holds 1 keys .*"copy:first start"; add --discard-green-writes/);
    await requireKeysReady(keys, true);
  });

  it("says of a wrong password and of a server that is not there what and where it was", async () => {
    const port = ground.servers.blue.access.port;
    const wrong = ground.withFile({ blue: `redis://bascule:wrong@127.0.0.1:${port}` });
    await rejects(requireKeysReady(wrong, true), new RegExp(`blue \\(127\\.0\\.0\\.1:${port}\\): WRONGPASS`));
    await rejects(
      requireKeysReady(ground.withFile({ blue: "redis://bascule:x@127.0.0.1:1" }), true),
      /blue \(127\.0\.0\.1:1\): .*ECONNREFUSED/,
    );
  });

  it("refuses to begin while somebody else works on the same servers, and does not go on trying", async () => {
    await ground.direct.green.ask("DEL", "copy:first start");
    const { access, policies } = ground.keys.move;
    const move = { access, policies, writers: { blue: ["app"], green: ["app"] } };
    const session = await openMove(move, { who: "somebody else" });
    try {
      await rejects(followKeys(ground.keys, false), /the keys: somebody else is at work on this move/);
      strictEqual(ground.keys.mailbox.wish.do, "rest");
    } finally {
      await session.close();
    }
  });

  it("follows blue, and leads the application there", async () => {
    await ground.direct.green.ask("HDEL", "bascule:move", "id", "writer", "number");
    await ground.direct.blue.ask("HDEL", "bascule:move", "id", "writer", "number");
    await ground.direct.green.ask("SET", "copy:first start", "x");
    await followKeys(ground.keys, true);
    strictEqual(await where(), "blue");
    strictEqual(await ground.direct.green.ask("EXISTS", "copy:first start"), 0);
    const status = await keysStatus(ground.keys);
    deepStrictEqual([status.state, status.writer, status.relay], ["following", "blue", "blue"]);
    deepStrictEqual(
      status.count?.declared.map(({ prefix, policy }) => [prefix, policy]),
      [
        ["copy:", "copy"],
        ["cache:", "drop"],
        ["queue:", "drain"],
      ],
    );
    match(status.promises.join("\n"), /keys "queue:\*" \(drain\): nothing is lost/);
  });

  it("lets the application do at blue what it may do on green, but for what blue does not know", async () => {
    const tried = (...words: string[]) => ground.direct.blue.ask("ACL", "DRYRUN", "bascule-app", ...words);
    strictEqual(String(await tried("SORT_RO", "copy:1")), "OK");
    match(String(await tried("KEYS", "*")), /no permissions/);
  });

  it("goes there, back and there again under writes that wait: none is lost, none is refused", async () => {
    writers = startWriters({ blue: ground.relayed, green: ground.relayed }, 2);
    for (const to of ["green", "blue", "green"] as const) {
      await writers.progress(200);
      await requireKeysFollow(ground.keys, to);
      const moved = await moveKeys(ground.keys, to, BUDGET_MS);
      ok(moved?.to === to && moved.freezeMs < 5_000, JSON.stringify(moved));
      // On a busy machine the half second does not suffice for all of them, and then it is not claimed.
      match(
        moved.promises[0] ?? "",
        moved.proof === "compared" ? /converged and compared: .* as all \d+ keys/ : /not compared/,
      );
      strictEqual(await where(), to);
      deepStrictEqual(await check(ground.direct[to], writers), []);
    }
    strictEqual(writers.refused, 0);
    strictEqual((await keysStatus(ground.keys)).switches.length, 3);
    strictEqual(await moveKeys(ground.keys, "green", BUDGET_MS), undefined);
  });

  it("finds both sides equal, and names a key that is not", async () => {
    const { direct, keys } = ground;
    const equal = await verifyKeys(keys);
    ok(equal.equal && equal.complete && equal.keys > 100, JSON.stringify(equal));
    // The counter of the writers is never the same at two looks.
    ok(equal.changing <= 1, JSON.stringify(equal));
    await direct.blue.ask("SET", "copy:only on blue", "x");
    const found = await verifyKeys(keys);
    deepStrictEqual([found.equal, found.differences], [false, ['"copy:only on blue" is on the receiving side only']]);
    await direct.blue.ask("DEL", "copy:only on blue");
  });

  it("waits for a queue and refuses to go before it is empty", async () => {
    await ground.direct.green.ask("RPUSH", "queue:mail", "1");
    await rejects(
      requireKeysFollow(ground.keys, "blue", 600),
      /keys to be drained are left on green: 1 of "queue:"; stop the producers/,
    );
    await ground.direct.green.ask("DEL", "queue:mail");
    await requireKeysFollow(ground.keys, "blue");
  });

  for (const line of ["R3", "R7"])
    it(`finishes or undoes a switch whose service was killed after ${line}, and goes on`, async () => {
      const { keys } = ground;
      ok(writers !== undefined);
      await requireKeysFollow(keys, "blue");
      const moving = moveKeys(keys, "blue", BUDGET_MS).catch((error: Error) => error);
      await until(keys, () => keys.mailbox.note?.lines.some((one) => one.line === line) ?? false);
      await end(keeper);
      keeper = ground.startKeeper();
      const said = await moving;
      await writers.progress(100);
      if (said instanceof Error) {
        match(said.message, /the keys are at green as before/);
        strictEqual(await where(), "green");
        await until(keys, () => keys.mailbox.note?.state === "following");
        await moveKeys(keys, "blue", BUDGET_MS);
      }
      strictEqual(await where(), "blue");
      deepStrictEqual(await check(ground.direct.blue, writers), []);
      await until(keys, () => keys.mailbox.note?.state === "following");
      await moveKeys(keys, "green", BUDGET_MS);
      deepStrictEqual(await check(ground.direct.green, writers), []);
    });

  it("comes back after blue was away, and lets the application in there again although blue forgot it", async () => {
    const { keys, direct } = ground;
    await direct.blue.ask("ACL", "DELUSER", "bascule-app");
    await direct.blue.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    await until(keys, () => keys.mailbox.note?.state === "waiting");
    await until(keys, () => keys.mailbox.note?.state === "following");
    await moveKeys(keys, "blue", BUDGET_MS);
    strictEqual(await where(), "blue");
  });

  it("refuses before the rows move while the relay could keep nobody waiting", async () => {
    const { keys, relay } = ground;
    relay.kill("SIGSTOP");
    const late = until(keys, () => Date.now() - (keys.relay.note?.at ?? 0) > 5_000);
    await late
      .then(() => rejects(requireKeysFollow(keys, "green"), /the relay does not answer: see 'systemctl status/))
      .finally(() => relay.kill("SIGCONT"));
    await until(keys, () => Date.now() - (keys.relay.note?.at ?? 0) < 2_000);
    await requireKeysFollow(keys, "green");
  });

  it("takes nothing for current while a server is silent, and goes on when it speaks again", async () => {
    const { keys, servers } = ground;
    servers.green.stall(true);
    try {
      await until(keys, () => Date.now() - (keys.mailbox.note?.heard ?? 0) > 2_500);
      strictEqual(keys.mailbox.note?.state, "following");
      await rejects(requireKeysFollow(keys, "green"), /the keys of green are not current/);
    } finally {
      servers.green.stall(false);
    }
    await until(keys, () => keys.mailbox.note?.state === "following");
    await requireKeysFollow(keys, "green");
  });

  it("gives the way back up when told so", async () => {
    const { keys, direct } = ground;
    await moveKeys(keys, "green", BUDGET_MS);
    await writers?.stop();
    strictEqual(writers?.refused, 0);
    await commitKeys(keys);
    strictEqual(await where(), "green");
    strictEqual(await direct.blue.ask("ACL", "GETUSER", "bascule-app"), null);
    strictEqual((await keysStatus(keys)).state, "none");
    await commitKeys(keys);
  });
});
