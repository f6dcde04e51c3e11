import assert from "node:assert/strict";
import { renderAccess } from "../../provisioning/access/render.ts";
import { renderApp } from "../../provisioning/app/render.ts";
import { renderBase } from "../../provisioning/base/render.ts";
import { renderCloudInit } from "../../provisioning/cloud-init.ts";
import { renderFail2ban } from "../../provisioning/fail2ban/render.ts";
import { renderFirewall } from "../../provisioning/firewall/render.ts";
import { openings } from "../../provisioning/firewall/rules.ts";
import { type MoverSpec, renderMover } from "../../provisioning/mover/render.ts";
import { renderNginx } from "../../provisioning/nginx/render.ts";
import { renderPgBouncer } from "../../provisioning/pgbouncer/render.ts";
import { renderPostgres } from "../../provisioning/postgres/render.ts";
import { renderRedis } from "../../provisioning/redis/render.ts";
import { renderTls } from "../../provisioning/tls/render.ts";
import { renderVarnish } from "../../provisioning/varnish/render.ts";
import {
  access,
  admission,
  app,
  base,
  canary,
  cloudInit,
  fail2ban,
  firewall,
  mover,
  moverWithKeys,
  nginx,
  pgbouncer,
  postgres,
  redis,
  tls,
  varnish,
} from "./specs.ts";

const password = "(not shown)";
const characters = "16 or more letters, digits and . _ ~ -";

/** A mover of keys from there. */
function moverFrom(blueUrl: string): MoverSpec {
  const { keys } = moverWithKeys;
  assert.ok(keys);
  return { ...moverWithKeys, keys: { ...keys, blueUrl } };
}

/** What is refused, and the whole message. */
const refused: [what: string, render: () => unknown, message: string][] = [
  [
    "a package name with a space",
    () => renderBase({ ...base, packages: ["nginx curl"] }),
    'base: packages is "nginx curl"; allowed: names of Debian packages',
  ],
  [
    "a packet filter without a way in",
    () => renderFirewall({ ...firewall, openings: openings({ ...admission, adminCidrs: [] }) }),
    'firewall: openings is ["ping","ssh","web"]; allowed: one for port 22, or nobody can log in',
  ],
  [
    "a source that would end its set",
    () => renderFirewall({ ...firewall, openings: openings({ ...admission, adminCidrs: ["0.0.0.0/0 }"] }) }),
    'firewall: openings.sources is "0.0.0.0/0 }"; allowed: a range in CIDR form, such as 203.0.113.0/24',
  ],
  [
    "a spared name instead of a range",
    () => renderFail2ban({ ...fail2ban, spared: ["office.example.org"] }),
    'fail2ban: spared is "office.example.org"; allowed: a range in CIDR form, such as 203.0.113.0/24',
  ],
  [
    "an address of blue's Redis that lacks a user and names another database, without showing it",
    () => renderMover(moverFrom(`rediss://:${canary}@cache/3?verify=maybe`)),
    [
      'mover: blueRedisUrl is "(not shown)"; allowed: one with a user, one of the move\'s own',
      'mover: blueRedisUrl is "(not shown)"; allowed: one with no database but 0',
      'mover: blueRedisUrl is "(not shown)"; allowed: one with verify=none or no verify',
    ].join("\n"),
  ],
  [
    "an authority of blue's own that its address does not look at",
    () => renderMover({ ...mover, move: { ...mover.move, blueCa: "-----BEGIN" } }),
    'mover: blueDatabaseUrl is "(not shown)"; allowed: one with sslmode=verify-full or verify-ca, as bascule:blue.databaseCa is set',
  ],
  [
    "a way to look at blue's certificate that nobody knows, without showing the address",
    () => renderMover({ ...mover, move: { ...mover.move, blueUrl: mover.move.blueUrl.replace("require", "prefer") } }),
    'mover: blueDatabaseUrl is "(not shown)"; allowed: one with sslmode=verify-full, verify-ca, require or disable',
  ],
  ...(["db", "redis"] as const).map((which): [string, () => unknown, string] => [
    `a password of blue's ${which} with a % that begins nothing, without showing it`,
    () =>
      renderMover(
        which === "redis"
          ? moverFrom(`rediss://mover:${canary}%zz@cache`)
          : { ...moverWithKeys, move: { ...moverWithKeys.move, blueUrl: `postgresql://shop:${canary}%zz@db/shop` } },
      ),
    `mover: ${which === "redis" ? "blueRedisUrl" : "blueDatabaseUrl"} is "(not shown)"; allowed: one with each % in it written as %25`,
  ]),
  [
    "too little memory for PostgreSQL",
    () => renderPostgres({ ...postgres, memoryMiB: 100 }),
    "postgres: memoryMiB is 100; allowed: a whole number from 256 to 4194304",
  ],
  [
    "a file among PostgreSQL's settings that ends the line it stands in",
    () => renderPostgres({ ...postgres, include: "/etc/x'" }),
    'postgres: include is "/etc/x\'"; allowed: an absolute path',
  ],
  [
    "the maintenance role as administrator",
    () => renderPostgres({ ...postgres, adminUser: "postgres" }),
    'postgres: adminUser is "postgres"; allowed: any other name: postgres belongs to local maintenance',
  ],
  [
    "PostgreSQL on all addresses",
    () => renderPostgres({ ...postgres, listenAddresses: ["0.0.0.0"] }),
    'postgres: listenAddresses is "0.0.0.0"; allowed: addresses one by one, never all of them',
  ],
  [
    "access to PostgreSQL from everywhere",
    () => renderPostgres({ ...postgres, allow: [{ database: "shop", user: "shop", cidr: "0.0.0.0/0" }] }),
    'postgres: allow.cidr is "0.0.0.0/0"; allowed: a network such as 10.20.1.0/24, not everybody',
  ],
  [
    "several things at once, all of them said",
    () => renderPgBouncer({ ...pgbouncer, port: 80, database: "Shop", poolSize: 0 }),
    [
      "pgbouncer: port is 80; allowed: a whole number from 1024 to 65535",
      'pgbouncer: database is "Shop"; allowed: lower-case letters, digits and _, not starting with a digit',
      "pgbouncer: poolSize is 0; allowed: a whole number from 1 to 500",
    ].join("\n"),
  ],
  [
    "fewer clients than connections",
    () => renderPgBouncer({ ...pgbouncer, maxClientConnections: 10 }),
    "pgbouncer: maxClientConnections is 10; allowed: a whole number from 20 to 60000",
  ],
  [
    "a password that would need escaping",
    () => renderRedis({ ...redis, cache: { ...redis.cache, password: `${canary}@` } }),
    `redis: cache.password is "${password}"; allowed: ${characters}`,
  ],
  [
    "a short password of a queue",
    () => renderRedis({ ...redis, queue: { password: "short", maxmemoryMiB: 64 } }),
    `redis: queue.password is "${password}"; allowed: ${characters}`,
  ],
  [
    "a policy nobody knows",
    () => renderRedis({ ...redis, cache: { ...redis.cache, policy: JSON.parse('"lru"') } }),
    'redis: cache.policy is "lru"; allowed: noeviction, allkeys-lru, allkeys-lfu, allkeys-random, volatile-lru, volatile-lfu, volatile-random, volatile-ttl',
  ],
  [
    "a disk too small to be one",
    () => renderPostgres({ ...postgres, diskGiB: 5 }),
    "postgres: diskGiB is 5; allowed: a whole number from 10 to 1048576",
  ],
  [
    "a window without an end",
    () => renderPostgres({ ...postgres, restartWindow: "02:00" }),
    'postgres: restartWindow is "02:00"; allowed: two times of the day in UTC, such as 02:00-04:00',
  ],
  [
    "prepared statements in a pool that loses them",
    () => renderPgBouncer({ ...pgbouncer, image: "debian-12", preparedStatements: true }),
    "pgbouncer: preparedStatements is true; allowed: false on debian-12, whose PgBouncer loses them between transactions",
  ],
  [
    "a name outside the zone",
    () => renderTls({ ...tls, domains: ["shop.example.com"] }),
    'tls: domains is "shop.example.com"; allowed: names in the zone example.org',
  ],
  ["no domain", () => renderTls({ ...tls, domains: [] }), "tls: domains is []; allowed: at least one domain"],
  [
    "a directory without TLS",
    () => renderTls({ ...tls, directory: "http://acme.example.org/dir" }),
    'tls: directory is "http://acme.example.org/dir"; allowed: an https URL, such as https://acme-v02.api.letsencrypt.org/directory',
  ],
  [
    "one port for two instances",
    () => renderApp({ ...app, ports: [3001, 3001] }),
    "app: ports is [3001,3001]; allowed: each port once",
  ],
  [
    "less memory than Node itself takes",
    () => renderApp({ ...app, memoryMiB: 32 }),
    "app: memoryMiB is 32; allowed: a whole number from 64 to 65536",
  ],
  [
    "a release that is no file and no hash",
    () => renderApp({ ...app, release: { sha256: "abc", upload: "/home/deploy/../x" } }),
    [
      'app: release.sha256 is "abc"; allowed: 64 hex digits',
      'app: release.upload is "/home/deploy/../x"; allowed: an absolute path on the server',
    ].join("\n"),
  ],
  [
    "migrations by a role that needs quoting",
    () =>
      renderApp({
        ...app,
        migrations: { port: 5432, database: "shop", role: "Shop", password: canary, afterCopy: false },
      }),
    'app: migrations.role is "Shop"; allowed: lower-case letters, digits and _, not starting with a digit',
  ],
  [
    "a value that breaks its line, without showing it",
    () => renderApp({ ...app, environment: { TOKEN: `${canary}\nX=1` } }),
    'app: environment.TOKEN is "(not shown)"; allowed: a single line',
  ],
  [
    "an application as root",
    () => renderApp({ ...app, user: "root" }),
    'app: user is "root"; allowed: a user of its own',
  ],
  [
    "an entry outside the release",
    () => renderApp({ ...app, entry: "../server.mjs" }),
    'app: entry is "../server.mjs"; allowed: a relative path in the release',
  ],
  [
    "no instance to forward to",
    () => renderNginx({ ...nginx, upstreamPorts: [] }),
    "nginx: upstreamPorts is []; allowed: at least one port of the application",
  ],
  [
    "everybody as a proxy that says who a visitor is",
    () => renderNginx({ ...nginx, trustedProxies: ["0.0.0.0/0"] }),
    'nginx: trustedProxies is "0.0.0.0/0"; allowed: addresses or ranges, not everybody',
  ],
  [
    "a path that ends the directive",
    () => renderNginx({ ...nginx, privatePaths: ["/metrics { }"] }),
    'nginx: privatePaths, healthPath is "/metrics { }"; allowed: paths such as /metrics',
  ],
  [
    "a cache too small to be one",
    () => renderVarnish({ ...varnish, memoryMiB: 1 }),
    "varnish: memoryMiB is 1; allowed: a whole number from 16 to 65536",
  ],
  [
    "a domain that ends the directive",
    () => renderNginx({ ...nginx, domain: "a.b; return 200" }),
    'nginx: domain is "a.b; return 200"; allowed: a lower-case domain name such as shop.example.org',
  ],
  [
    "an operating system nobody tried",
    () => renderBase({ ...base, image: JSON.parse('"fedora-42"'), packages: [] }),
    'base: image is "fedora-42"; allowed: debian-12, debian-13, ubuntu-24.04',
  ],
  [
    "more swap than helps, and a reboot at no time",
    () => renderBase({ ...base, swapMiB: 70_000, rebootAt: "25:00" }),
    'base: swapMiB is 70000; allowed: a whole number from 0 to 65536\nbase: rebootAt is "25:00"; allowed: a time of the day in UTC, such as 04:30',
  ],
  [
    "logins without a key",
    () => renderAccess({ ...access, authorizedKeys: [] }),
    "access: authorizedKeys is []; allowed: at least one public key, or nobody can log in",
  ],
  [
    "a key that was cut",
    () => renderAccess({ ...access, authorizedKeys: ["ssh-ed25519 AAAA operator"] }),
    'access: authorizedKeys is "ssh-ed25519 AAAA operator"; allowed: whole public keys in OpenSSH\'s form',
  ],
  [
    "logins as root",
    () => renderAccess({ ...access, user: "root" }),
    'access: user is "root"; allowed: any user but root',
  ],
  [
    "a server nobody can log in to",
    () => renderCloudInit({ ...cloudInit, authorizedKeys: [] }),
    "cloud-init: authorizedKeys is []; allowed: at least one public key, or nobody can log in",
  ],
  [
    "root as the deploy user",
    () => renderCloudInit({ ...cloudInit, user: "root" }),
    'cloud-init: user is "root"; allowed: any user but root',
  ],
];

describe("specifications refused", () => {
  for (const [what, render, message] of refused) {
    it(what, () => assert.throws(render, { name: "SpecError", message }));
  }
});
