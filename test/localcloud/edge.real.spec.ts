import assert from "node:assert/strict";
import { Resolver } from "node:dns/promises";
import { connect } from "node:tls";
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

describe("the data plane in containers", function () {
  this.timeout(60_000);
  const world = new EdgeWorld();
  const resolver = new Resolver({ timeout: 1000, tries: 2 });
  let cf: Cloudflare;
  let client: EdgeClient;
  let zone: string;
  let blue: string;
  let green: string;
  let balancer: string;
  const addresses = { blue: world.address(10), green: world.address(11) };

  before(async () => {
    await world.start();
    await Promise.all([world.origin("blue", 10), world.origin("green", 11)]);
    cf = world.cloud.client();
    resolver.setServers([world.core.dns]);
    const made = await cf.zones.create({ name: ZONE, account: { id: world.cloud.instance.accountId }, type: "full" });
    zone = made.id;
    client = await world.client();
  });

  after(async () => {
    await client?.close();
    await world.close();
  });

  function record(fields: Omit<Cloudflare.DNS.RecordCreateParams.ARecord, "zone_id" | "ttl" | "type">, ttl = 1) {
    return cf.dns.records.create({ zone_id: zone, ttl, type: "A", ...fields });
  }

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

  describe("DNS", () => {
    it("refuses names of other zones, and says which names of its own do not exist", async () => {
      await assert.rejects(resolver.resolve4("www.elsewhere.test"), { code: "EREFUSED" });
      await assert.rejects(resolver.resolve4(`nothing.${ZONE}`), { code: "ENOTFOUND" });
    });

    it("answers every kind of record with its lifetime, long ones over TCP", async () => {
      const long = `a "quoted" ${"long".repeat(500)}`;
      const add = (fields: Cloudflare.DNS.RecordCreateParams) => cf.dns.records.create(fields);
      await record({ name: `www.${ZONE}`, content: addresses.blue }, 60);
      await add({ zone_id: zone, ttl: 1, type: "AAAA", name: `six.${ZONE}`, content: "2001:db8::7" });
      await add({ zone_id: zone, ttl: 1, type: "CNAME", name: `alias.${ZONE}`, content: `www.${ZONE}` });
      await add({ zone_id: zone, ttl: 1, type: "MX", name: ZONE, content: `mail.${ZONE}`, priority: 10 });
      await add({ zone_id: zone, ttl: 1, type: "TXT", name: ZONE, content: long });
      await add({
        zone_id: zone,
        ttl: 1,
        type: "CAA",
        name: ZONE,
        data: { flags: 0, tag: "issue", value: "pki.test" },
      });
      const data = { priority: 1, weight: 2, port: 5060, target: `www.${ZONE}` };
      await add({ zone_id: zone, ttl: 1, type: "SRV", name: `_sip._tcp.${ZONE}`, data });

      assert.deepEqual(await resolver.resolve4(`www.${ZONE}`, { ttl: true }), [{ address: addresses.blue, ttl: 60 }]);
      assert.deepEqual(await resolver.resolve6(`six.${ZONE}`, { ttl: true }), [{ address: "2001:db8::7", ttl: 300 }]);
      assert.deepEqual(await resolver.resolve4(`alias.${ZONE}`), [addresses.blue]);
      assert.equal((await resolver.resolveMx(ZONE))[0]?.exchange, `mail.${ZONE}`);
      assert.equal((await resolver.resolveTxt(ZONE))[0]?.join(""), long);
      assert.equal((await resolver.resolveCaa(ZONE))[0]?.issue, "pki.test");
      assert.equal((await resolver.resolveSrv(`_sip._tcp.${ZONE}`))[0]?.port, 5060);
      assert.equal((await resolver.resolveNs(ZONE)).length, 2);
      await assert.rejects(resolver.resolve4(`_tcp.${ZONE}`), { code: "ENODATA" });
    });

    it("answers a change at once, and a name that was deleted no longer", async () => {
      const { id } = await record({ name: `moving.${ZONE}`, content: addresses.blue }, 60);
      assert.deepEqual(await resolver.resolve4(`moving.${ZONE}`), [addresses.blue]);
      await cf.dns.records.edit(id, {
        zone_id: zone,
        name: `moving.${ZONE}`,
        ttl: 60,
        type: "A",
        content: addresses.green,
      });
      assert.deepEqual(await resolver.resolve4(`moving.${ZONE}`), [addresses.green]);
      await cf.dns.records.delete(id, { zone_id: zone });
      await assert.rejects(resolver.resolve4(`moving.${ZONE}`), { code: "ENOTFOUND" });
    });
  });

  describe("a proxied record", () => {
    let id: string;

    it("answers the edge's address and goes through it to the origin over TLS", async () => {
      ({ id } = await record({ name: `one.${ZONE}`, content: addresses.blue, proxied: true }));
      assert.deepEqual(await resolver.resolve4(`one.${ZONE}`, { ttl: true }), [{ address: world.core.edge, ttl: 300 }]);
      const answer = await client.get(`https://one.${ZONE}/x`, { "x-forwarded-for": "192.0.2.9" });
      const echo = JSON.parse(answer.body);
      assert.equal(answer.status, 200);
      assert.deepEqual([echo.side, echo.sni, echo.host, echo.proto], ["blue", `one.${ZONE}`, `one.${ZONE}`, "https"]);
      assert.equal(echo.client, world.core.gateway);
      assert.match(echo.ray, /^[0-9a-f]{16}-LCL$/);
      assert.equal(answer.headers["cf-ray"], echo.ray);
      assert.equal(answer.headers["set-cookie"], undefined);
    });

    it("speaks HTTP/2 with a certificate of the instance's authority, and nothing for a foreign name", async () => {
      const { rootCa } = await world.cloud.edge.acme();
      assert.equal(await alpn(world.core.edge, `one.${ZONE}`, rootCa), "h2");
      await assert.rejects(alpn(world.core.edge, "www.elsewhere.test", rootCa));
      await assert.rejects(alpn(world.core.edge, `one.${ZONE}`, undefined), /self-signed|unable to/);
    });

    it("obeys a changed address at once, on the same connection", async () => {
      await cf.dns.records.update(id, {
        zone_id: zone,
        name: `one.${ZONE}`,
        ttl: 1,
        type: "A",
        content: addresses.green,
        proxied: true,
      });
      assert.equal((await client.get(`https://one.${ZONE}/`)).side, "green");
    });

    it("answers 521 for an origin that is down, 409 for a name it does not know", async () => {
      await record({ name: `down.${ZONE}`, content: world.core.dns, proxied: true });
      assert.equal((await client.get(`https://down.${ZONE}/`)).status, 521);
      assert.equal((await client.get(`https://unknown.${ZONE}/`)).status, 409);
    });

    it("redirects to HTTPS only where the zone says so", async () => {
      assert.equal((await client.get(`http://one.${ZONE}/`)).side, "green");
      await cf.zones.settings.edit("always_use_https", { zone_id: zone, value: "on" });
      const answer = await client.get(`http://one.${ZONE}/a?b=c`);
      assert.equal(answer.status, 301);
      assert.equal(answer.headers.location, `https://one.${ZONE}/a?b=c`);
    });

    it("refuses the origin's self-signed certificate in mode strict", async () => {
      await cf.zones.settings.edit("ssl", { zone_id: zone, value: "strict" });
      assert.equal((await client.get(`https://one.${ZONE}/`)).status, 526);
      await cf.zones.settings.edit("ssl", { zone_id: zone, value: "full" });
      assert.equal((await client.get(`https://one.${ZONE}/`)).side, "green");
    });
  });

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
      await new Promise((resolve) => setTimeout(resolve, 1000));
      // A change of the pools themselves takes new workers; that must cost nothing either.
      const pools = await cf.loadBalancers.pools.create({
        account_id: world.cloud.instance.accountId,
        name: "third",
        origins: [{ name: "third", address: addresses.blue }],
      });
      assert.ok(pools.id);
      await new Promise((resolve) => setTimeout(resolve, 500));
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
      await new Promise((resolve) => setTimeout(resolve, 3000));
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

  describe("when something breaks", () => {
    it("makes a container again that somebody removed", async () => {
      await world.remove("edge");
      await record({ name: `again.${ZONE}`, content: addresses.blue, proxied: true });
      assert.equal((await client.get(`https://again.${ZONE}/`)).side, "blue");
    });

    it("trusts what was signed before the certificate authority was restarted, and what is signed after", async () => {
      const { rootCa: before } = await world.cloud.edge.acme();
      await world.restart("acme");
      const { rootCa: after } = await world.cloud.edge.acme();
      assert.ok(after.endsWith(before) && after.length > before.length);
      const name = "second.test";
      const made = await cf.zones.create({ name, account: { id: world.cloud.instance.accountId }, type: "full" });
      await cf.dns.records.create({
        zone_id: made.id,
        ttl: 1,
        type: "A",
        name,
        content: addresses.green,
        proxied: true,
      });
      const later = await world.client();
      assert.equal((await later.get(`https://${name}/`)).side, "green");
      assert.equal((await later.get(`https://again.${ZONE}/`)).side, "blue");
      await later.close();
      await assert.rejects(alpn(world.core.edge, name, before));
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

function alpn(host: string, servername: string, ca: string | undefined): Promise<string | false | null> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: 443, servername, ca, ALPNProtocols: ["h2", "http/1.1"] }, () => {
      socket.end();
      resolve(socket.alpnProtocol);
    });
    socket.once("error", reject);
  });
}
