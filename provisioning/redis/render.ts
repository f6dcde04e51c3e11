import { createHash } from "node:crypto";
import type { Bundle, BundleFile } from "../bundle.ts";
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
  /** On port 6379; `redis://app:<password>@127.0.0.1:6379`. */
  cache: {
    /** Password of the application. */
    password: string;
    /** Upper limit of the data set. */
    maxmemoryMiB: number;
    /** What goes when the limit is reached. */
    policy: EvictionPolicy;
  };
  /** A second server on port 6380 that never lets a key go: a full one refuses to write. @default none */
  queue?: { password: string; maxmemoryMiB: number };
  /** While keys move: password of the mover, who may do everything with the cache. @default there is no such user */
  moverPassword?: string;
  /** Password of the user `monitor` on both, who reads counters and settings and no key. */
  monitorPassword: string;
}

/** Whom the mover comes as, on this host. */
export const moverUser = "bascule";

/**
 * Whom the application comes to the cache as through the relay: a name blue has not, so that the mover can make it there. It is there before
 * and after a move, too: instances that still come as it must not be turned away between the cache's update and their own.
 */
export const relayedUser = "bascule-app";

/** What the application may do with its keys, through the relay or not, on either side of a move. */
export const appRights = "~* &* +@all -@admin -@dangerous +info +sort +sort_ro +flushdb +client|list";

export const cachePort = 6379;
export const queuePort = 6380;

/** One server process. */
interface Instance {
  port: number;
  configuration: string;
  unit: string;
  folder: string;
  pidfile: string;
  password: string;
  maxmemoryMiB: number;
  policy: EvictionPolicy;
}

const scripts = "/usr/local/lib/bascule/redis";

/**
 * Valkey or Redis on loopback, append-only file synced every second: a cache, and a queue where asked. Both warn at their start that
 * vm.overcommit_memory is not 1. It stays at the kernel's 0, which refuses the fork that rewrites the file only where the copy alone
 * is larger than all memory: the budget sees to that, and PostgreSQL on the same server is better off without 1.
 */
export function renderRedis(spec: RedisSpec): Bundle {
  refuseBadSpec(spec);
  const engine = traits[spec.image].cache;
  const instances = instancesOf(spec, engine);
  return {
    service: "redis",
    images: [spec.image],
    packages: packagesFor(spec.image, ["redis"]),
    files: [
      ...instances.map((instance) => configurationFile(instance, spec, engine)),
      {
        path: "/etc/bascule/redis/monitor",
        content: environmentFile({ REDISCLI_AUTH: spec.monitorPassword }),
        mode: "0600",
        secret: true,
      },
      ...["validate", "probe"].map((name) => ({
        path: `${scripts}/${name}`,
        content: template(new URL(`./${name}.sh`, import.meta.url)),
        mode: "0755",
      })),
    ],
    setup: instances.map(({ port, folder }) => ({
      name: `folder of ${port}`,
      argv: ["install", "-d", "-m", "0750", "-o", engine, "-g", engine, folder],
    })),
    validate: instances.map(({ port, configuration }) => ({
      name: `start a copy of ${port}`,
      argv: [`{staged}${scripts}/validate`, engine, `{staged}${configuration}`],
      timeout: 20,
    })),
    // Nobody may CONFIG SET, so a change takes a restart: under a second, and the append-only file brings the keys back.
    units: instances.map(({ unit, configuration }) => ({
      name: unit,
      onChange: "restart",
      watches: [configuration],
    })),
    probes: instances.map(({ port, configuration }) => ({
      name: `port ${port}`,
      argv: [`${scripts}/probe`, engine, String(port), configuration],
      timeout: 20,
    })),
  };
}

function refuseBadSpec({ cache, queue, moverPassword, monitorPassword }: RedisSpec): void {
  const check = new SpecCheck("redis")
    .password("cache.password", cache.password)
    .integer("cache.maxmemoryMiB", cache.maxmemoryMiB, 16, 1_048_576)
    .that(policies.includes(cache.policy), "cache.policy", cache.policy, policies.join(", "))
    .password("monitorPassword", monitorPassword);
  if (moverPassword !== undefined) check.password("moverPassword", moverPassword);
  if (queue) {
    check.password("queue.password", queue.password);
    check.integer("queue.maxmemoryMiB", queue.maxmemoryMiB, 16, 1_048_576);
  }
  check.done();
}

/** The first runs as the distribution's own unit: left alone it would come up at boot with the settings of the package. */
function instancesOf({ cache, queue }: RedisSpec, engine: string): Instance[] {
  const first: Instance = {
    port: cachePort,
    configuration: `/etc/${engine}/${engine}.conf`,
    unit: `${engine}-server.service`,
    folder: `/var/lib/${engine}`,
    pidfile: `/run/${engine}/${engine}-server.pid`,
    ...cache,
  };
  if (!queue) return [first];
  const second: Instance = {
    port: queuePort,
    configuration: `/etc/${engine}/${engine}-queue.conf`,
    unit: `${engine}-server@queue.service`,
    folder: `/var/lib/${engine}/queue`,
    pidfile: `/run/${engine}-queue/${engine}-server.pid`,
    policy: "noeviction",
    ...queue,
  };
  return [first, second];
}

function configurationFile(instance: Instance, spec: RedisSpec, engine: string): BundleFile {
  const settings = keyValues(
    {
      appendfsync: "everysec",
      appendonly: "yes",
      bind: "127.0.0.1 -::1",
      daemonize: "no",
      databases: 16,
      dir: instance.folder,
      // Freed in the background: evicting a large key must not hold up the others.
      "lazyfree-lazy-eviction": "yes",
      "lazyfree-lazy-expire": "yes",
      loglevel: "notice",
      maxclients: 10_000,
      maxmemory: instance.maxmemoryMiB * 1024 * 1024,
      "maxmemory-policy": instance.policy,
      pidfile: instance.pidfile,
      port: instance.port,
      "protected-mode": "yes",
      save: '""',
      supervised: "auto",
      "tcp-keepalive": 60,
      timeout: 0,
    },
    " ",
  );
  return {
    path: instance.configuration,
    content:
      settings + users(instance.password, spec.monitorPassword, instance.port === cachePort ? moveUsers(spec) : []),
    mode: "0640",
    owner: "root",
    group: engine,
    secret: true,
  };
}

/**
 * One user per purpose and none without a name. The hashes stand here rather than the passwords. The application may do what
 * concerns its keys: neither change the server nor look at all keys at once, which holds up everybody; sort, flushdb and client
 * list are what libraries for caches and queues need of the dangerous ones, and info is asked at every connection.
 */
function users(password: string, monitorPassword: string, more: readonly string[]): string {
  return [
    "user default off resetkeys resetchannels -@all",
    `user app on #${hash(password)} ${appRights}`,
    `user monitor on #${hash(monitorPassword)} resetkeys resetchannels -@all +ping +info +dbsize +config|get +slowlog|get +slowlog|len +latency|latest +latency|histogram`,
    ...more,
    "",
  ].join("\n");
}

/** Of the cache alone: queues do not move. */
function moveUsers({ cache, moverPassword }: RedisSpec): string[] {
  return [
    `user ${relayedUser} on #${hash(cache.password)} ${appRights}`,
    ...(moverPassword === undefined ? [] : [`user ${moverUser} on #${hash(moverPassword)} ~* &* +@all`]),
  ];
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
