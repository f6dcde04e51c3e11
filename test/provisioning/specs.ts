import { type AccessSpec, renderAccess } from "../../provisioning/access/render.ts";
import { renderApp } from "../../provisioning/app/render.ts";
import type { AppSpec } from "../../provisioning/app/spec.ts";
import { type BaseSpec, renderBase } from "../../provisioning/base/render.ts";
import type { Bundle } from "../../provisioning/bundle.ts";
import type { CloudInitSpec } from "../../provisioning/cloud-init.ts";
import { type Fail2banSpec, renderFail2ban } from "../../provisioning/fail2ban/render.ts";
import { type FirewallSpec, renderFirewall } from "../../provisioning/firewall/render.ts";
import { type Admission, openings } from "../../provisioning/firewall/rules.ts";
import { packHostctl } from "../../provisioning/hostctl/pack.ts";
import { renderHostctl } from "../../provisioning/hostctl/render.ts";
import { type MoverSpec, renderMover } from "../../provisioning/mover/render.ts";
import { type NginxSpec, renderNginx } from "../../provisioning/nginx/render.ts";
import { packagesFor } from "../../provisioning/packages.ts";
import { type PgBouncerSpec, renderPgBouncer } from "../../provisioning/pgbouncer/render.ts";
import { waitingFile } from "../../provisioning/pgbouncer/writer.ts";
import { type PostgresSpec, renderPostgres } from "../../provisioning/postgres/render.ts";
import { type RedisSpec, renderRedis } from "../../provisioning/redis/render.ts";
import { hostKeyFromSeed } from "../../provisioning/ssh/host-key.ts";
import { certificatePaths, renderTls, type TlsSpec } from "../../provisioning/tls/render.ts";
import { renderVarnish, type VarnishSpec } from "../../provisioning/varnish/render.ts";

/** Stands for every secret of the specifications below. */
export const canary = "canary-0123456789abcdef";

export const seed = Buffer.alloc(32, 7).toString("base64");

export const base: BaseSpec = {
  image: "debian-13",
  packages: packagesFor("debian-13", ["postgres", "nginx", "app"]),
  user: "deploy",
  swapMiB: 1024,
  journalMiB: 1024,
};

export const access: AccessSpec = {
  image: "debian-13",
  user: "deploy",
  authorizedKeys: [`${hostKeyFromSeed(seed).publicKey} operator`],
  forwardPorts: [5432],
};

export const admission: Admission = {
  adminCidrs: ["203.0.113.7/32", "203.0.113.0/24", "2001:db8:7::/48"],
  publicFrom: "everywhere",
  proxyCidrs: [],
  privateCidr: "10.20.0.0/16",
};

export const fail2ban: Fail2banSpec = { image: "debian-13", spared: ["203.0.113.0/24", "10.20.0.0/16"], nginx: true };

export const firewall: FirewallSpec = { image: "debian-13", openings: openings(admission) };

export const postgres: PostgresSpec = {
  image: "debian-13",
  memoryMiB: 4096,
  cores: 4,
  diskGiB: 80,
  maxConnections: 100,
  adminUser: "bascule",
  adminPassword: canary,
  preload: ["pg_stat_statements"],
};

export const pgbouncer: PgBouncerSpec = {
  port: 6432,
  database: "shop",
  poolSize: 20,
  maxClientConnections: 1000,
  image: "debian-13",
};

export const redis: RedisSpec = {
  image: "debian-13",
  cache: { password: canary, maxmemoryMiB: 256, policy: "allkeys-lfu" },
  monitorPassword: `${canary}-monitor`,
};

export const redisWithQueue: RedisSpec = { ...redis, queue: { password: `${canary}-queue`, maxmemoryMiB: 64 } };

export const tls: TlsSpec = {
  domains: ["shop.example.org", "www.example.org"],
  email: "ops@example.org",
  directory: "https://acme.example.org/dir",
  directoryCa: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
  dnsApi: "http://127.0.0.1:4380/client/v4",
  dnsToken: canary,
  zone: "example.org",
  image: "debian-13",
};

const uploaded = (digit: string) => ({
  sha256: digit.repeat(64),
  upload: `/home/deploy/.bascule/uploads/${digit.repeat(64)}.tar.gz`,
});

export const app: AppSpec = {
  name: "shop",
  user: "shop",
  release: uploaded("a"),
  node: { version: "24.21.0", ...uploaded("b") },
  entry: "server.mjs",
  ports: [3001, 3002],
  environment: { DATABASE_URL: `postgres://shop:${canary}@127.0.0.1:6432/shop`, MOTTO: 'a "quoted" $5 \\ `value`' },
  healthPath: "/api/health",
  memoryMiB: 120,
  migrations: { port: 5432, database: "shop", role: "shop", password: canary, afterCopy: false },
  image: "debian-13",
};

const move = {
  blueUrl: `postgresql://shop:${canary}@203.0.113.20:5432/shop?sslmode=require`,
  role: "shop",
  password: canary,
};

/** To a blue with an authority of its own. */
const verifiedMove = {
  ...move,
  blueUrl: move.blueUrl.replace("require", "verify-full"),
  blueCa: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
};

export const mover: MoverSpec = {
  image: "debian-13",
  node: app.node,
  database: "shop",
  poolPort: 6432,
  move,
  freezeBudgetSeconds: 15,
  wayBack: "asynchronous",
  wayBackPatienceSeconds: 10,
  endLongTransactions: false,
};

const moverPassword = `${canary}-mover`;

export const moverWithKeys: MoverSpec = {
  ...mover,
  keys: {
    blueUrl: `rediss://bascule:${canary}@203.0.113.21:6379`,
    blueUsers: ["default"],
    policies: { "session:": "copy", "queue:": "drain", "*": "drop" },
    moverPassword,
    appPassword: canary,
  },
};

export const redisInMove: RedisSpec = { ...redisWithQueue, moverPassword };

export const pgbouncerInMove: PgBouncerSpec = { ...pgbouncer, move };

export const nginx: NginxSpec = {
  domain: "shop.example.org",
  certificate: certificatePaths("shop.example.org"),
  upstreamPorts: [3001, 3002],
  side: "green",
  clientMaxBodyMiB: 10,
  image: "debian-13",
};

export const varnish: VarnishSpec = { image: "debian-13", memoryMiB: 64, graceSeconds: 10, appTimeoutSeconds: 30 };

export const cloudInit: CloudInitSpec = {
  hostname: "green-1",
  user: "deploy",
  authorizedKeys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA== operator"],
  hostKey: hostKeyFromSeed(seed),
  hostctl: packHostctl(),
};

/** Every bundle under the name of its golden file. */
export function bundles(): Record<string, Bundle> {
  return {
    access: renderAccess(access),
    "access-debian-12": renderAccess({ ...access, image: "debian-12", forwardPorts: [] }),
    "access-ubuntu-24.04": renderAccess({ ...access, image: "ubuntu-24.04" }),
    app: renderApp(app),
    "app-pm2": renderApp({ ...app, runtime: "pm2" }),
    base: renderBase(base),
    "base-debian-12": renderBase({ ...base, image: "debian-12", packages: [], swapMiB: 0, rebootAt: "04:30" }),
    "base-ubuntu-24.04": renderBase({ ...base, image: "ubuntu-24.04", packages: [] }),
    fail2ban: renderFail2ban(fail2ban),
    firewall: renderFirewall(firewall),
    "firewall-cloudflare": renderFirewall({
      ...firewall,
      openings: openings({ ...admission, publicFrom: "cloudflare", privatePorts: [5432, 6432] }),
    }),
    hostctl: renderHostctl(),
    mover: renderMover(mover),
    "mover-keys": renderMover(moverWithKeys),
    nginx: renderNginx(nginx),
    "nginx-debian-12": renderNginx({
      ...nginx,
      image: "debian-12",
      ownName: "green.example.org",
      healthPath: "/api/health",
      mode: "read-only",
      insiders: ["203.0.113.7/32"],
      trustedProxies: ["198.51.100.0/24"],
      cachePort: 6081,
    }),
    "mover-verified": renderMover({ ...mover, move: verifiedMove }),
    pgbouncer: renderPgBouncer(pgbouncer),
    "pgbouncer-debian-12": renderPgBouncer({ ...pgbouncer, image: "debian-12" }),
    "pgbouncer-move": renderPgBouncer(pgbouncerInMove),
    "pgbouncer-verified": renderPgBouncer({ ...pgbouncerInMove, move: verifiedMove }),
    postgres: renderPostgres(postgres),
    "postgres-debian-12": renderPostgres({
      ...postgres,
      image: "debian-12",
      listenAddresses: ["localhost", "10.20.1.2"],
      include: waitingFile,
      allow: [{ database: "shop", user: "shop", cidr: "10.20.1.0/24" }],
    }),
    redis: renderRedis(redis),
    "redis-move": renderRedis(redisInMove),
    "redis-debian-12": renderRedis({ ...redisWithQueue, image: "debian-12" }),
    tls: renderTls(tls),
    varnish: renderVarnish(varnish),
  };
}
