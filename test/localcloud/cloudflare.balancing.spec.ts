import assert from "node:assert/strict";
import type Cloudflare from "cloudflare";
import { apiError, CloudflareUnderTest, CountingEdge } from "../support/cloudflare.ts";

const ZONE = "girlycrea.test";

describe("the Cloudflare API: monitors, pools and load balancers", () => {
  const cloud = new CloudflareUnderTest(() => new CountingEdge());
  const account_id = cloud.instance.accountId;
  let cf: Cloudflare;
  let zone_id: string;

  before(async () => {
    await cloud.listen();
    cf = cloud.client();
    zone_id = (await cf.zones.create({ name: ZONE, account: { id: account_id }, type: "full" })).id;
  });
  after(() => cloud.close());

  const origin = { name: "o", address: "192.0.2.1" };
  const makePool = async (name: string, more: object = {}) =>
    (await cf.loadBalancers.pools.create({ account_id, name, origins: [origin], ...more })).id ?? "";
  const post = (path: string, body: object): Promise<unknown> => cf.post(path, { body });
  const lb = (path: string) => `/accounts/${account_id}/load_balancers/${path}`;

  describe("refuses", () => {
    const monitors: [string, object, RegExp][] = [
      ["an unknown type", { type: "gopher" }, /^type: .*: validation failed$/],
      ["an unknown field", { type: "http", intervall: 60 }, /intervall/],
      [
        "a timeout longer than the interval",
        { type: "http", interval: 3, timeout: 3 },
        /^timeout: must be less than interval/,
      ],
      ["TCP without a port", { type: "tcp" }, /^port: is required for a monitor of type tcp/],
      ["codes that are none", { type: "http", expected_codes: "ok" }, /^expected_codes: must be like 200/],
      [
        "a header that would break out of its line",
        { type: "http", header: { "X-A": ["b\n c"] } },
        /control characters/,
      ],
    ];
    for (const [what, body, message] of monitors) {
      it(`a monitor with ${what}`, async () => {
        await assert.rejects(post(lb("monitors"), body), apiError(400, 1002, message));
      });
    }

    const pools: [string, object, RegExp][] = [
      ["no origins field", { name: "p" }, /^origins: /],
      ["a name with blanks", { name: "a b", origins: [] }, /^name: must be letters/],
      ["a weight above one", { name: "p", origins: [{ ...origin, weight: 1.5 }] }, /^origins\.0\.weight: /],
      ["two origins of one name", { name: "p", origins: [origin, origin] }, /^origins: names must be unique/],
      [
        "a monitor that does not exist",
        { name: "p", origins: [origin], monitor: "f".repeat(32) },
        /^monitor: f+ does not exist/,
      ],
    ];
    for (const [what, body, message] of pools) {
      it(`a pool with ${what}`, async () => {
        await assert.rejects(post(lb("pools"), body), apiError(400, 1002, message));
      });
    }

    it("a load balancer outside its zone, with unknown pools, a weight above one, or rules", async () => {
      const pool = await makePool("refusing");
      const path = `/zones/${zone_id}/load_balancers`;
      const body = { name: `a.${ZONE}`, default_pools: [pool], fallback_pool: pool };
      const refuse = (more: object, message: RegExp) =>
        assert.rejects(post(path, { ...body, ...more }), apiError(400, 1002, message));
      await refuse({ name: "a.other.test" }, /^name: a\.other\.test is not in the zone/);
      await refuse({ fallback_pool: "f".repeat(32) }, /^pools: f+ does not exist/);
      await refuse({ default_pools: [] }, /^default_pools: must name at least one pool/);
      await refuse({ random_steering: { pool_weights: { [pool]: 10 } } }, /^random_steering\.pool_weights/);
      await refuse({ steering_policy: "sideways" }, /^steering_policy: /);
      await refuse({ rules: [{ name: "r" }] }, /^rules/);
    });

    it("two objects of one name", async () => {
      const pool = await makePool("unique");
      await assert.rejects(makePool("unique"), apiError(400, 1003, "value not unique"));
      const make = () =>
        cf.loadBalancers.create({ zone_id, name: `u.${ZONE}`, default_pools: [pool], fallback_pool: pool });
      const { id = "" } = await make();
      await assert.rejects(make(), apiError(400, 1003, "value not unique"));
      await cf.loadBalancers.delete(id, { zone_id });
    });

    it("to delete what something else points at", async () => {
      const { id: monitor = "" } = await cf.loadBalancers.monitors.create({ account_id, type: "http" });
      const pool = await makePool("used", { monitor });
      const balancer = await cf.loadBalancers.create({
        zone_id,
        name: `used.${ZONE}`,
        default_pools: [pool],
        fallback_pool: pool,
      });
      const inUse = apiError(412, 1005, "This object is referenced by other objects, delete them first.");
      await assert.rejects(cf.loadBalancers.monitors.delete(monitor, { account_id }), inUse);
      await assert.rejects(cf.loadBalancers.pools.delete(pool, { account_id }), inUse);
      await cf.loadBalancers.delete(balancer.id ?? "", { zone_id });
      await cf.loadBalancers.pools.delete(pool, { account_id });
      await cf.loadBalancers.monitors.delete(monitor, { account_id });
      await assert.rejects(cf.loadBalancers.pools.get(pool, { account_id }), apiError(404, 1001, "pool not found"));
      await assert.rejects(
        cf.loadBalancers.monitors.get(monitor, { account_id }),
        apiError(404, 1001, "monitor not found"),
      );
      const gone = cf.loadBalancers.get(balancer.id ?? "", { zone_id });
      await assert.rejects(gone, apiError(404, 1001, "load balancer not found"));
    });

    it("anything in a foreign account", async () => {
      const foreign = { account_id: "f".repeat(32) };
      await assert.rejects(cf.loadBalancers.pools.list(foreign), apiError(403, 10000, "Authentication error"));
      await assert.rejects(cf.loadBalancers.monitors.list(foreign), apiError(403, 10000, "Authentication error"));
    });
  });

  it("makes, reads, replaces, edits and deletes a monitor, and echoes all that was set", async () => {
    const wanted = {
      type: "https" as const,
      method: "HEAD",
      path: "/api/health",
      port: 443,
      interval: 2,
      timeout: 1,
      retries: 0,
      expected_codes: "200,2xx",
      expected_body: "ok",
      header: { Host: [`shop.${ZONE}`], "X-Probe": ["a", "b"] },
      follow_redirects: true,
      allow_insecure: true,
      probe_zone: ZONE,
      consecutive_up: 2,
      consecutive_down: 3,
      description: "from a test",
    };
    const { id = "" } = await cf.loadBalancers.monitors.create({ account_id, ...wanted });
    const { created_on, modified_on, ...read } = await cf.loadBalancers.monitors.get(id, { account_id });
    assert.ok(created_on && modified_on);
    assert.deepEqual(read, { id, ...wanted });
    const edited = await cf.loadBalancers.monitors.edit(id, { account_id, type: "https", interval: 30 });
    assert.deepEqual([edited.interval, edited.path], [30, "/api/health"]);
    const replaced = await cf.loadBalancers.monitors.update(id, { account_id, type: "http" });
    assert.deepEqual([replaced.interval, replaced.path, replaced.created_on], [60, "/", created_on]);
    assert.equal(
      (await cf.loadBalancers.monitors.list({ account_id })).result.some((each) => each.id === id),
      true,
    );
    assert.equal((await cf.loadBalancers.monitors.delete(id, { account_id })).id, id);
  });

  it("makes, reads, replaces, edits and deletes a pool, its origins in their order", async () => {
    const origins = [
      { name: "z", address: "192.0.2.2", enabled: true, weight: 0.25, port: 8443, header: { Host: ["z.test"] } },
      { name: "a", address: "192.0.2.1", enabled: false, weight: 1, flatten_cname: true },
    ];
    const wanted = { name: "ordered", origins, minimum_origins: 2, description: "d", latitude: 1.5, longitude: -2 };
    const { id = "" } = await cf.loadBalancers.pools.create({ account_id, ...wanted });
    const read = await cf.loadBalancers.pools.get(id, { account_id });
    assert.deepEqual(read.origins, origins);
    assert.deepEqual([read.minimum_origins, read.latitude, read.enabled], [2, 1.5, true]);
    const edited = await cf.loadBalancers.pools.edit(id, { account_id, enabled: false });
    assert.deepEqual([edited.enabled, edited.origins], [false, origins]);
    const replaced = await cf.loadBalancers.pools.update(id, { account_id, name: "renamed", origins: [origin] });
    assert.deepEqual(replaced.origins, [{ ...origin, enabled: true, weight: 1 }]);
    assert.equal(replaced.minimum_origins, 1);
    const listed = await cf.loadBalancers.pools.list({ account_id, monitor: "nobody" });
    assert.deepEqual(listed.result, []);
    assert.equal((await cf.loadBalancers.pools.delete(id, { account_id })).id, id);
  });

  it("makes, reads, replaces and deletes a load balancer with weights and affinity", async () => {
    const [blue, green] = [await makePool("blue"), await makePool("green")];
    const name = `shop.${ZONE}`;
    const wanted = {
      name,
      description: "managed by a test",
      proxied: true,
      enabled: true,
      default_pools: [green, blue],
      fallback_pool: blue,
      steering_policy: "random" as const,
      random_steering: { default_weight: 0.2, pool_weights: { [blue]: 0.9, [green]: 0.1 } },
      session_affinity: "cookie" as const,
      session_affinity_ttl: 1800,
      session_affinity_attributes: { samesite: "Lax" as const, secure: "Always" as const, drain_duration: 10 },
      adaptive_routing: { failover_across_pools: true },
      location_strategy: { mode: "pop" as const, prefer_ecs: "never" as const },
    };
    const { id = "" } = await cf.loadBalancers.create({ zone_id, ...wanted });
    const before = cloud.edge.applied;
    const { created_on, modified_on, ...read } = await cf.loadBalancers.get(id, { zone_id });
    assert.ok(created_on && modified_on);
    assert.deepEqual(read, { id, zone_name: ZONE, ...wanted });
    assert.equal(cloud.edge.applied, before);
    const flipped = { ...wanted, default_pools: [green], random_steering: { pool_weights: { [green]: 1 } } };
    const after = await cf.loadBalancers.update(id, { zone_id, ...flipped });
    assert.deepEqual([after.default_pools, after.random_steering], [[green], { pool_weights: { [green]: 1 } }]);
    assert.equal(cloud.edge.applied, before + 1);
    const edited = await cf.loadBalancers.edit(id, { zone_id, enabled: false });
    assert.deepEqual([edited.enabled, edited.name], [false, name]);
    assert.deepEqual(
      (await cf.loadBalancers.list({ zone_id })).result.map((each) => each.id),
      [id],
    );
    assert.equal((await cf.loadBalancers.delete(id, { zone_id })).id, id);
  });

  it("gives an unproxied load balancer a lifetime, and a list past its end nothing", async () => {
    const pool = await makePool("plain");
    const balancer = await cf.loadBalancers.create({
      zone_id,
      name: `plain.${ZONE}`,
      default_pools: [pool],
      fallback_pool: pool,
    });
    assert.deepEqual([balancer.ttl, balancer.proxied, balancer.steering_policy], [30, false, "off"]);
    const past: { result: unknown[] } = await cf.get(`/zones/${zone_id}/load_balancers?page=2`);
    assert.deepEqual(past.result, []);
  });
});
