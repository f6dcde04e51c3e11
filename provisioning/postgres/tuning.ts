import type { Scalar } from "../text.ts";

export interface TuningInput {
  /** Memory PostgreSQL may count on: the server's, less what its neighbours use. */
  memoryMiB: number;
  cores: number;
  maxConnections: number;
}

/** What memory, cores and connections decide. `pgtune` is le0pard/pgtune, "web" profile; `Pigsty` its OLTP template. */
export interface Tuning {
  /** Takes a restart to change. */
  restart: Record<string, Scalar>;
  /** Taken over by a reload. */
  reload: Record<string, Scalar>;
}

/** Settings computed from the machine; each line names the formula's source. */
export function tune({ memoryMiB, cores, maxConnections }: TuningInput): Tuning {
  const sharedBuffers = Math.floor(memoryMiB / 4); // pgtune: R/4
  const workers = Math.max(8, cores); // PostgreSQL's own default is 8; pgtune raises it to the number of cores
  const parallel = Math.min(4, Math.ceil(cores / 2)); // pgtune: half the cores, 4 at most
  // pgtune: (R - shared_buffers) / ((connections + workers) * 3), because one query may use several; at least 4 MB
  const workMem = Math.max(4, Math.floor((memoryMiB - sharedBuffers) / ((maxConnections + workers) * 3)));
  return {
    restart: {
      huge_pages: sharedBuffers >= 2048 ? "try" : "off", // pgtune: worth it from 2 GB
      max_connections: maxConnections,
      max_worker_processes: workers,
      shared_buffers: `${sharedBuffers}MB`,
      wal_buffers: `${Math.min(16, Math.max(1, Math.floor((sharedBuffers * 3) / 100)))}MB`, // pgtune: 3 % of it, 16 MB at most
    },
    reload: {
      autovacuum_analyze_scale_factor: 0.02, // tighter than Pigsty's 0.04: tables are small, statistics cheap
      autovacuum_vacuum_scale_factor: 0.05, // Pigsty: 0.08
      checkpoint_completion_target: 0.9, // pgtune
      checkpoint_timeout: "15min", // Pigsty
      effective_cache_size: `${Math.floor((memoryMiB * 3) / 4)}MB`, // pgtune: 3R/4
      effective_io_concurrency: 200, // pgtune, SSD
      maintenance_work_mem: `${Math.min(2048, Math.max(64, Math.floor(memoryMiB / 16)))}MB`, // pgtune: R/16, 2 GB at most
      max_parallel_maintenance_workers: parallel,
      max_parallel_workers: Math.min(workers, Math.max(2, cores)),
      max_parallel_workers_per_gather: parallel,
      max_wal_size: "4GB", // pgtune
      min_wal_size: "1GB", // pgtune
      random_page_cost: 1.1, // pgtune, SSD
      wal_compression: "lz4", // Pigsty
      work_mem: `${workMem}MB`,
    },
  };
}
