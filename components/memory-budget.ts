import { PM2_MIB } from "../provisioning/app/memory.ts";
import { poolConnections, reserveConnections } from "../provisioning/pgbouncer/render.ts";
import { tunedMemory } from "../provisioning/postgres/tuning.ts";
import { setCommand } from "../settings/problems.ts";
import type { Settings } from "../settings/schema.ts";

/** What decides how the memory of the server is divided. */
export type BudgetSettings = Pick<Settings, "server" | "postgres" | "pgbouncer" | "redis" | "app" | "varnish">;

/** One part of the server's memory. */
export interface MemoryPart {
  part: string;
  MiB: number;
}

/** Who gets how much of the server's memory. */
export interface MemoryBudget {
  /** The share PostgreSQL's settings are computed from: what its neighbours leave. */
  postgresMiB: number;
  cacheMiB: number;
  /** Of the second server, where there is one. */
  queueMiB: number;
  /** Every part at its most. The server's page cache is what they leave. */
  parts: MemoryPart[];
}

/** Debian, systemd, SSH and Nginx. */
const SYSTEM_MIB = 400;
/** A backend's own memory: catalogues, prepared statements. */
const BACKEND_MIB = 4;
/** Below this PostgreSQL's caches are too small to be of use. */
const LEAST_POSTGRES_MIB = 512;
/** Keys freed and written anew leave gaps, and a rewrite of the append-only file copies pages that change meanwhile. */
const CACHE_OVERHEAD = 1.25;
/** 64 MB at 9,900 clients, measured; test/provisioning/stores/pgbouncer.ts holds 10,000 to 100 MB. */
const POOL_KIB_PER_CLIENT = 6.5;
/** Varnish's threads, log and bookkeeping beside what it keeps. */
const VARNISH_MIB = 60;
/** Code and buffers of a server process that holds nothing yet. */
const PROCESS_MIB = 10;

const within = (value: number, least: number, most: number) => Math.min(most, Math.max(least, Math.floor(value)));

/** Divides the memory; whether the parts fit is `memoryProblems`' to say. */
export function divideMemory(settings: BudgetSettings, memoryMiB: number, cores: number): MemoryBudget {
  const { redis, app, pgbouncer, postgres, varnish } = settings;
  const cacheMiB = redis.maxmemoryMiB ?? within(memoryMiB / 16, 64, 4096);
  const queueMiB = redis.queue ? (redis.queueMaxmemoryMiB ?? within(memoryMiB / 32, 64, 2048)) : 0;
  const neighbours: MemoryPart[] = [
    { part: "system, SSH and Nginx", MiB: SYSTEM_MIB },
    {
      part: `PgBouncer, ${pgbouncer.maxClientConnections} clients`,
      MiB: PROCESS_MIB + Math.ceil((pgbouncer.maxClientConnections * POOL_KIB_PER_CLIENT) / 1024),
    },
    { part: `cache, maxmemory ${cacheMiB}`, MiB: withOverhead(cacheMiB) },
    ...(queueMiB > 0 ? [{ part: `queue, maxmemory ${queueMiB}`, MiB: withOverhead(queueMiB) }] : []),
    ...(varnish.enabled
      ? [{ part: `HTTP cache, memoryMiB ${varnish.memoryMiB}`, MiB: varnish.memoryMiB + VARNISH_MIB }]
      : []),
    { part: `application, ${app.instances} instances of ${app.memoryMiB}`, MiB: app.instances * app.memoryMiB },
    ...(app.runtime === "pm2" ? [{ part: "PM2", MiB: PM2_MIB }] : []),
  ];
  const left = memoryMiB - sum(neighbours);
  // A share below the least is not handed out: the sum is then larger than the server, which is what the table shows.
  const postgresMiB = Math.max(LEAST_POSTGRES_MIB, left);
  const tuned = tunedMemory({ memoryMiB: postgresMiB, cores, maxConnections: postgres.maxConnections });
  const active = pgbouncer.poolSize + reserveConnections(pgbouncer.poolSize);
  const backends = poolConnections(pgbouncer.poolSize);
  const database: MemoryPart[] = [
    { part: "PostgreSQL, shared_buffers", MiB: tuned.sharedBuffersMiB },
    { part: `PostgreSQL, work_mem ${tuned.workMemMiB} in ${active} connections`, MiB: tuned.workMemMiB * active },
    { part: `PostgreSQL, ${backends} connections of ${BACKEND_MIB}`, MiB: backends * BACKEND_MIB },
    { part: "PostgreSQL, maintenance_work_mem", MiB: tuned.maintenanceMiB },
    {
      part: `PostgreSQL, ${tuned.autovacuumWorkers} autovacuum workers of ${tuned.autovacuumWorkMiB}`,
      MiB: tuned.autovacuumWorkers * tuned.autovacuumWorkMiB,
    },
  ];
  return { postgresMiB, cacheMiB, queueMiB, parts: [...neighbours, ...database] };
}

/** The table of all parts when they are more than the server has; a server that swaps is slower than the one it replaces. */
export function memoryProblems(settings: BudgetSettings, memoryMiB: number, cores: number): string[] {
  const { parts } = divideMemory(settings, memoryMiB, cores);
  const needed = sum(parts);
  if (needed <= memoryMiB) return [];
  const rows = [...parts, { part: "together", MiB: needed }, { part: "the server has", MiB: memoryMiB }];
  const width = Math.max(...rows.map(({ part }) => part.length));
  return [
    [
      `bascule:server.type: got "${settings.server.type}", whose memory does not hold what is to run on it (MiB):`,
      ...rows.map(({ part, MiB }) => `  ${part.padEnd(width)}  ${String(MiB).padStart(7)}`),
      "allowed: a type with more memory, fewer bascule:app.instances, or smaller bascule:redis.maxmemoryMiB, " +
        "bascule:pgbouncer.poolSize or bascule:app.memoryMiB. " +
        `Set it: ${setCommand("bascule:server.type", "cx43")}`,
    ].join("\n"),
  ];
}

function withOverhead(maxmemoryMiB: number): number {
  return PROCESS_MIB + Math.ceil(maxmemoryMiB * CACHE_OVERHEAD);
}

function sum(parts: readonly MemoryPart[]): number {
  return parts.reduce((total, { MiB }) => total + MiB, 0);
}
