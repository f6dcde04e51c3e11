import { createHash } from "node:crypto";
import type { Bundle } from "../bundle.ts";
import { type Image, traits } from "../image.ts";
import { packagesFor } from "../packages.ts";
import { SpecCheck } from "../spec.ts";
import { environmentFile, keyValues, template } from "../text.ts";

const policies = [
  "noeviction",
  "allkeys-lru",
  "allkeys-lfu",
  "allkeys-random",
  "volatile-lru",
  "volatile-lfu",
  "volatile-random",
  "volatile-ttl",
] as const;

export type EvictionPolicy = (typeof policies)[number];

export interface RedisSpec {
  /** Decides the engine: Valkey where the distribution carries it, Redis elsewhere; the same configuration either way. */
  image: Image;
  /** Password of the user `default`; `redis://default:<password>@127.0.0.1:6379`. */
  password: string;
  /** Upper limit of the data set. */
  maxmemoryMiB: number;
  /** What goes when the limit is reached; `noeviction` for queues. */
  policy: EvictionPolicy;
}

/** Valkey or Redis on 127.0.0.1:6379, append-only file synced every second. */
export function renderRedis(spec: RedisSpec): Bundle {
  new SpecCheck("redis")
    .password("password", spec.password)
    .integer("maxmemoryMiB", spec.maxmemoryMiB, 16, 1_048_576)
    .that(policies.includes(spec.policy), "policy", spec.policy, policies.join(", "))
    .done();
  const engine = traits[spec.image].cache;
  const configuration = `/etc/${engine}/${engine}.conf`;
  const unit = `${engine}-server.service`;
  return {
    service: "redis",
    packages: packagesFor(spec.image, ["redis"]),
    files: [
      // Debian starts the server with this path; the server's own user reads it.
      {
        path: configuration,
        content: serverConfiguration(spec),
        mode: "0640",
        owner: engine,
        group: engine,
        secret: true,
      },
      {
        path: "/etc/bascule/redis/auth",
        content: environmentFile({ REDISCLI_AUTH: spec.password }),
        mode: "0600",
        secret: true,
      },
      ...["validate", "probe"].map((name) => ({
        path: `/usr/local/lib/bascule/redis/${name}`,
        content: template(new URL(`./${name}.sh`, import.meta.url)),
        mode: "0755",
      })),
    ],
    validate: [
      {
        name: "start a copy",
        argv: ["{staged}/usr/local/lib/bascule/redis/validate", engine, `{staged}${configuration}`],
        timeout: 20,
      },
    ],
    units: [{ name: unit, onChange: "restart", watches: [configuration] }],
    probes: [
      {
        name: "ping",
        argv: ["/usr/local/lib/bascule/redis/probe", engine, String(spec.maxmemoryMiB * 1024 * 1024), spec.policy],
        timeout: 20,
      },
    ],
  };
}

function serverConfiguration(spec: RedisSpec): string {
  const digest = createHash("sha256").update(spec.password).digest("hex");
  return keyValues(
    {
      appendfsync: "everysec",
      appendonly: "yes",
      bind: "127.0.0.1 -::1",
      daemonize: "no",
      databases: 16,
      dir: `/var/lib/${traits[spec.image].cache}`,
      // Freed in the background: evicting a large key must not hold up the others.
      "lazyfree-lazy-eviction": "yes",
      "lazyfree-lazy-expire": "yes",
      loglevel: "notice",
      maxclients: 10_000,
      maxmemory: `${spec.maxmemoryMiB}mb`,
      "maxmemory-policy": spec.policy,
      pidfile: `/run/${traits[spec.image].cache}/${traits[spec.image].cache}-server.pid`,
      port: 6379,
      "protected-mode": "yes",
      save: '""',
      supervised: "auto",
      "tcp-keepalive": 60,
      timeout: 0,
      // The hash stands here rather than the password; commands that could rewrite this very configuration are withheld.
      user: `default on #${digest} ~* &* +@all -config|set -config|rewrite -module -debug`,
    },
    " ",
  );
}
