import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import type { DnsRecord, LoadBalancer, Monitor, Pool, Zone } from "../../localcloud/cloudflare/state.ts";
import { renderAcmeStart, renderPebbleConfig } from "../../localcloud/edge/acme/config.ts";
import { renderDnsStart, renderPdnsConf } from "../../localcloud/edge/dns/config.ts";
import { renderPurge, renderSql } from "../../localcloud/edge/dns/sql.ts";
import { renderZones } from "../../localcloud/edge/dns/zone.ts";
import { LatestWins } from "../../localcloud/edge/latest.ts";
import type { Model } from "../../localcloud/edge/model.ts";
import { renderCertificateList, renderHaproxy } from "../../localcloud/edge/proxy/haproxy.ts";
import { renderRoutes } from "../../localcloud/edge/proxy/routes.ts";
import { coreAddresses } from "../../localcloud/instance.ts";

const CORE = coreAddresses(0);
const ZONE_ID = "10".repeat(16);
const dated = { created_on: "2026-01-01T00:00:00Z", modified_on: "2026-01-01T00:00:00Z" };
const id = (digit: string) => digit.repeat(32);

function zone(more: Partial<Zone> = {}): Zone {
  return { id: ZONE_ID, name: "girlycrea.test", type: "full", paused: false, settings: {}, ...dated, ...more };
}

let counter = 0;
function record(name: string, type: DnsRecord["type"], content: string, more: Partial<DnsRecord> = {}): DnsRecord {
  counter += 1;
  const full = name === "@" ? "girlycrea.test" : `${name}.girlycrea.test`;
  return { id: `${counter}`, zone_id: ZONE_ID, name: full, type, content, ttl: 1, proxied: false, ...dated, ...more };
}

const monitor: Monitor = {
  id: id("e"),
  type: "https",
  path: "/api/health",
  port: 443,
  interval: 60,
  timeout: 5,
  retries: 2,
  expected_codes: "200,2xx",
  expected_body: 'say "ok" 100%',
  header: { Host: ["shop.girlycrea.test"], "X-Probe": ["$HOME"] },
  allow_insecure: true,
  ...dated,
};
const pools: Pool[] = [
  {
    id: id("b"),
    name: "blue",
    monitor: monitor.id,
    minimum_origins: 1,
    origins: [{ name: "blue", address: "198.18.1.2", enabled: true, weight: 1 }],
    ...dated,
  },
  {
    id: id("a"),
    name: "green",
    origins: [
      { name: "one", address: "one.girlycrea.test", enabled: true, weight: 0.25 },
      { name: "two", address: "198.18.1.11", enabled: true, weight: 0.75, port: 8443 },
      { name: "off", address: "198.18.1.12", enabled: false },
    ],
    ...dated,
  },
];

function balancer(name: string, more: Partial<LoadBalancer> = {}): LoadBalancer {
  return {
    id: id("c"),
    zone_id: ZONE_ID,
    zone_name: "girlycrea.test",
    name: `${name}.girlycrea.test`,
    proxied: true,
    default_pools: [id("b"), id("a")],
    fallback_pool: id("b"),
    steering_policy: "random",
    random_steering: { pool_weights: { [id("b")]: 0.9, [id("a")]: 0.1 } },
    session_affinity: "cookie",
    ...dated,
    ...more,
  };
}

const records = [
  record("@", "CNAME", "one.girlycrea.test"),
  record("@", "TXT", `say "hi" ${"x".repeat(260)}`),
  record("@", "TXT", '"as it" "is"'),
  record("@", "MX", "mail.girlycrea.test", { priority: 10 }),
  record("@", "CAA", '0 issue "pki.test"'),
  record("_sip._tcp", "SRV", "1 443 one.girlycrea.test", { data: { priority: 5 } }),
  record("one", "A", "198.18.1.10", { ttl: 60 }),
  record("six", "AAAA", "2001:db8::1"),
  record("www", "CNAME", "shop.girlycrea.test", { proxied: true }),
  record("pair", "A", "198.18.1.20", { proxied: true }),
  record("pair", "A", "198.18.1.21", { proxied: true }),
  record("*.apps", "A", "198.18.1.30", { proxied: true }),
  record("out", "CNAME", "elsewhere.test", { proxied: true }),
  // The load balancer of the same name comes first.
  record("shop", "A", "198.18.1.99", { ttl: 60 }),
];
const balancers = [
  balancer("shop"),
  balancer("plain", { proxied: false, ttl: 30, session_affinity: "none" }),
  balancer("first", { steering_policy: "off", session_affinity_attributes: { samesite: "None", secure: "Always" } }),
];
const model = (more: Partial<Model["zones"][number]> = {}): Model => ({
  zones: [{ zone: zone(), records, balancers, ...more }],
  pools,
  monitors: [monitor],
});

function assertGolden(name: string, text: string): void {
  const file = fileURLToPath(new URL(`../golden/edge/${name}`, import.meta.url));
  if (process.env.UPDATE_GOLDEN) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  assert.ok(existsSync(file), `${file} is missing; write it with UPDATE_GOLDEN=1`);
  assert.equal(text, readFileSync(file, "utf8"));
}

describe("the edge's renderers", () => {
  it("configuration of the proxy is as in test/golden/edge/haproxy.cfg", () => {
    assertGolden("haproxy.cfg", renderHaproxy(model()));
  });

  it("routes are as in test/golden/edge/routes.lua", () => {
    assertGolden("routes.lua", renderRoutes(model()));
  });

  it("zones are as in test/golden/edge/zones.sql", () => {
    const zones = renderZones(model(), CORE, [{ name: "_acme-challenge.girlycrea.test", value: "token" }]);
    assertGolden("zones.sql", renderSql(zones, ["gone.test"], 42) + renderPurge(zones.map((each) => each.name)));
  });

  it("the servers' own files are as in test/golden/edge/servers.txt", () => {
    const parts = [renderPdnsConf(), renderDnsStart(), renderPebbleConfig(), renderAcmeStart(CORE)];
    assertGolden("servers.txt", parts.join("\n"));
  });

  it("a flip of the weights changes the routes and neither the zones nor the configuration", () => {
    const flipped = model({
      balancers: [balancer("shop", { default_pools: [id("a")], random_steering: { pool_weights: { [id("a")]: 1 } } })],
    });
    const before = model({ balancers: [balancer("shop")] });
    assert.equal(renderHaproxy(flipped), renderHaproxy(before));
    assert.deepEqual(renderZones(flipped, CORE), renderZones(before, CORE));
    assert.notEqual(renderRoutes(flipped), renderRoutes(before));
  });

  it("a paused zone answers its origins and sends nothing through the edge", () => {
    const paused = model({ zone: zone({ paused: true }) });
    assert.equal(renderRoutes(paused), "return {}\n");
    const [, rows] = renderZones(paused, CORE);
    assert.deepEqual(
      rows?.rows.filter((row) => row.name === "pair.girlycrea.test").map((row) => row.content),
      ["198.18.1.20", "198.18.1.21"],
    );
  });

  it("a loop of aliases ends without an address", () => {
    const loop = [
      record("a", "CNAME", "b.girlycrea.test", { proxied: true }),
      record("b", "CNAME", "a.girlycrea.test"),
    ];
    assert.match(renderRoutes(model({ records: loop, balancers: [] })), /\["addresses"\] = \{\}/);
  });

  it("a name cannot break out of the SQL", () => {
    const zones = [{ name: "a.test", rows: [{ name: "a.test", type: "TXT", content: "it's", ttl: 60 }] }];
    assert.match(renderSql(zones, ["o'hara.test"], 1), /VALUES \(.*'it''s', 60\);/);
    assert.match(renderSql([], ["o'hara.test"], 1), /name = 'o''hara.test';/);
  });

  it("each zone's certificate has the TLS version its setting asks for", () => {
    const text = renderCertificateList([{ file: "/c/b.pem", minimum: "1.2", names: ["b.test", "*.b.test"] }]);
    assert.equal(text, "/c/b.pem [ssl-min-ver TLSv1.2] b.test *.b.test\n");
  });
});

describe("changes that come while one is being applied", () => {
  it("share one more run, which starts after the present one has ended", async () => {
    const log: string[] = [];
    let open: () => void = () => undefined;
    const jobs = new LatestWins(async () => {
      log.push("begin");
      await new Promise<void>((resolve) => {
        open = resolve;
      });
      log.push("end");
    });
    const first = jobs.run();
    const later = [jobs.run(), jobs.run()];
    assert.deepEqual(log, ["begin"]);
    open();
    await first;
    await new Promise(setImmediate);
    assert.deepEqual(log, ["begin", "end", "begin"]);
    open();
    await Promise.all(later);
    assert.deepEqual(log, ["begin", "end", "begin", "end"]);
  });

  it("are applied even if the one before them failed", async () => {
    let runs = 0;
    const jobs = new LatestWins(async () => {
      runs += 1;
      await new Promise(setImmediate);
      if (runs === 1) {
        throw new Error("first");
      }
    });
    const first = jobs.run();
    const second = jobs.run();
    await assert.rejects(first, /first/);
    await second;
    assert.equal(runs, 2);
  });
});
