import assert from "node:assert/strict";
import { Resolver } from "node:dns/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type Cloudflare from "cloudflare";
import type { LoadBalancerCreateParams } from "cloudflare/resources/load-balancers/load-balancers";
import { createDockerEdge } from "../../localcloud/edge/edge.ts";
import { type EdgeClient, EdgeWorld } from "../support/edge-world.ts";

const ZONE = "girlycrea.test";
const SHOP = `shop.${ZONE}`;
const URL = `https://${SHOP}/`;
const REQUESTS = 2000;
const TOLERANCE = 0.04;
const OBEYED_WITHIN_MS = 2000;

describe("load balancing in containers", function () {
  this.timeout(60_000);
  const world = new EdgeWorld();
  const addresses = { blue: world.address(10), green: world.address(11) };
  let cf: Cloudflare;
  let client: EdgeClient;
  let zone: string;
  let blue: string;
  let green: string;
  let balancer: string | undefined;

  before(async () => {
    await world.start();
    await Promise.all([world.origin("blue", 10), world.origin("green", 11)]);
    cf = world.cloud.client();
    const made = await cf.zones.create({ name: ZONE, account: { id: world.cloud.instance.accountId }, type: "full" });
    zone = made.id;
    client = await world.client();
  });

  after(async () => {
    await client?.close();
    await world.close();
  });

  function flip(weights: { blue: number; green: number }) {
    const pools = [
      { id: blue, weight: weights.blue },
      { id: green, weight: weights.green },
    ].filter(({ weight }) => weight > 0);
    const params: LoadBalancerCreateParams = {
      name: SHOP,
      proxied: true,
      default_pools: pools.map(({ id }) => id),
      fallback_pool: blue,
      steering_policy: "random",
      random_steering: { pool_weights: Object.fromEntries(pools.map(({ id, weight }) => [id, weight])) },
      session_affinity: "cookie",
    };
    return balancer === undefined
      ? cf.loadBalancers.create({ zone_id: zone, ...params })
      : cf.loadBalancers.update(balancer, { zone_id: zone, ...params });
  }

  describe("a load balancer", () => {
    before(async () => {
      const account_id = world.cloud.instance.accountId;
      const monitor = await cf.loadBalancers.monitors.create({
        account_id,
        type: "https",
        path: "/health",
        header: { Host: [SHOP] },
        interval: 2,
        timeout: 1,
        retries: 0,
        allow_insecure: true,
        expected_codes: "200",
      });
      const pool = async (name: "blue" | "green") => {
        const origins = [{ name, address: addresses[name] }];
        return (await cf.loadBalancers.pools.create({ account_id, name, origins, monitor: monitor.id })).id ?? "";
      };
      blue = await pool("blue");
      green = await pool("green");
      balancer = (await flip({ blue: 1, green: 0 })).id ?? "";
    });

    for (const weight of [0.1, 0.5, 0.9]) {
      it(`sends green ${weight * 100} of 100 new sessions`, async () => {
        await flip({ blue: 1 - weight, green: weight });
        const shares = await client.shares(URL, REQUESTS);
        assert.deepEqual(Object.keys(shares).sort(), ["blue", "green"]);
        assert.ok(Math.abs((shares.green ?? 0) - weight) <= TOLERANCE, `green had ${shares.green}`);
      });
    }

    it("obeys a flip within two seconds, and loses no request meanwhile", async () => {
      await flip({ blue: 1, green: 0 });
      const bad: string[] = [];
      let last = { at: 0, side: "" };
      let running = true;
      const overH2 = await world.client(true);
      const load = [client, client, overH2, overH2].map(async (each, index) => {
        while (running) {
          const answer = await each.get(URL, {}, index % 2 === 0 ? "GET" : "POST");
          if (answer.status !== 200) {
            bad.push(`${answer.status} ${answer.body}`);
          } else if (answer.side === "blue") {
            last = { at: Date.now(), side: answer.side };
          }
        }
      });
      const begin = Date.now();
      await flip({ blue: 0, green: 1 });
      await sleep(1000);
      // A change of the pools themselves takes new workers; that must cost nothing either.
      const pools = await cf.loadBalancers.pools.create({
        account_id: world.cloud.instance.accountId,
        name: "third",
        origins: [{ name: "third", address: addresses.blue }],
      });
      assert.ok(pools.id);
      await sleep(500);
      running = false;
      await Promise.all(load);
      await overH2.close();
      assert.deepEqual(bad, []);
      assert.ok(last.at - begin < OBEYED_WITHIN_MS, `blue still answered ${last.at - begin} ms after the call began`);
      assert.equal((await client.get(URL)).side, "green");
    });

    it("keeps a session on its side while the pool takes new ones, and lets it go then", async () => {
      await flip({ blue: 0.5, green: 0.5 });
      const first = await client.get(URL);
      const cookie = String(first.headers["set-cookie"]).split(";")[0] ?? "";
      assert.match(cookie, /^__cflb=[0-9a-f]{32}\./);
      for (let i = 0; i < 40; i += 1) {
        const again = await client.get(URL, { cookie });
        assert.equal(again.side, first.side);
        assert.equal(again.headers["set-cookie"], undefined);
      }
      await flip(first.side === "blue" ? { blue: 0, green: 1 } : { blue: 1, green: 0 });
      const moved = await client.get(URL, { cookie });
      assert.notEqual(moved.side, first.side);
      assert.notEqual(String(moved.headers["set-cookie"]).split(";")[0], cookie);
    });

    it("leaves an unhealthy pool out, answers by the fallback when none is healthy, and takes it back", async () => {
      await flip({ blue: 0.5, green: 0.5 });
      await world.stopOrigin("green");
      await client.until(URL, (answer) => answer.status === 200);
      await sleep(3000);
      assert.deepEqual(await client.shares(URL, 100), { blue: 1 });
      await world.stopOrigin("blue");
      await client.until(URL, (answer) => answer.status === 521);
      await world.startOrigin("blue");
      await client.until(URL, (answer) => answer.side === "blue", 5000);
      await world.startOrigin("green");
      await client.until(URL, (answer) => answer.side === "green", 8000);
    });

    it("survives a restart of the daemon without losing a request", async () => {
      const { instance, store, app } = world.cloud;
      const second = createDockerEdge(instance, store, app.log);
      let running = true;
      const bad: string[] = [];
      const load = (async () => {
        while (running) {
          const answer = await client.get(URL);
          if (answer.status !== 200) {
            bad.push(`${answer.status} ${answer.body}`);
          }
        }
      })();
      await second.start();
      running = false;
      await load;
      assert.deepEqual(bad, []);
      assert.equal((await second.acme()).rootCa, (await world.cloud.edge.acme()).rootCa);
    });
  });

  describe("a load balancer that is not proxied", () => {
    it("answers one address per query, by weight", async () => {
      const name = `plain.${ZONE}`;
      await cf.loadBalancers.create({
        zone_id: zone,
        name,
        default_pools: [blue, green],
        fallback_pool: blue,
        steering_policy: "random",
        random_steering: { pool_weights: { [blue]: 0.8, [green]: 0.2 } },
        ttl: 30,
      });
      const resolver = new Resolver({ timeout: 1000, tries: 2 });
      resolver.setServers([world.core.dns]);
      let hits = 0;
      for (let i = 0; i < 400; i += 1) {
        const found = await resolver.resolve4(name);
        assert.equal(found.length, 1);
        hits += found[0] === addresses.green ? 1 : 0;
      }
      assert.ok(hits > 40 && hits < 130, `green was answered ${hits} times in 400`);
    });
  });
});
