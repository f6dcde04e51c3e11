import assert from "node:assert/strict";
import { type Answer, NameCache } from "../../examples/girlycrea/users/names.ts";

/** A name whose answers and whose clock the test sets. */
function name(answers: Answer[] | Error) {
  const world = { answers, asked: 0, time: 0 };
  const cache = new NameCache(
    async () => {
      world.asked += 1;
      if (world.answers instanceof Error) throw world.answers;
      return world.answers;
    },
    () => world.time,
  );
  return { cache, world };
}

describe("the users' view of the name", () => {
  it("asks again exactly when the TTL is up", async () => {
    const { cache, world } = name([{ address: "198.18.1.2", ttl: 60 }]);
    await cache.address();
    world.answers = [{ address: "198.18.1.10", ttl: 60 }];
    world.time = 59_999;
    assert.equal(await cache.address(), "198.18.1.2");
    world.time = 60_000;
    assert.equal(await cache.address(), "198.18.1.10");
    assert.equal(world.asked, 2);
  });

  it("does not serve a stale address when the server is silent", async () => {
    const { cache, world } = name([{ address: "198.18.1.2", ttl: 1 }]);
    await cache.address();
    world.answers = new Error("queryA ETIMEOUT");
    world.time = 1_000;
    await assert.rejects(cache.address(), /ETIMEOUT/);
    world.answers = [{ address: "198.18.1.2", ttl: 1 }];
    assert.equal(await cache.address(), "198.18.1.2", "the next request asks again");
  });

  it("says when the name has no address", async () => {
    await assert.rejects(name([]).cache.address(), /no address/);
  });

  it("asks once for many users at the same moment", async () => {
    const { cache, world } = name([{ address: "198.18.1.2", ttl: 60 }]);
    await Promise.all([cache.address(), cache.address(), cache.address()]);
    assert.equal(world.asked, 1);
  });

  it("stays with an address that is still among the answers", async () => {
    const { cache, world } = name([{ address: "198.18.1.2", ttl: 1 }]);
    await cache.address();
    world.answers = [
      { address: "198.18.1.9", ttl: 1 },
      { address: "198.18.1.2", ttl: 1 },
    ];
    world.time = 1_000;
    assert.equal(await cache.address(), "198.18.1.2");
  });
});
