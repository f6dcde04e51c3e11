import type { Scalar } from "../text.ts";

export interface TuningInput {
  /** Memory PostgreSQL may count on: the server's, less what its neighbours use. */
  memoryMiB: number;
  cores: number;
  /** Disk of the server, which data and WAL share. */
  diskGiB: number;
  maxConnections: number;
}

/**
 * What memory, cores, disk and connections decide. `pgtune` is le0pard/pgtune, "web" profile; `Pigsty` its template oltp.yml.
 */
export interface Tuning {
  /** Takes a restart to change. */
  restart: Record<string, Scalar>;
  /** Taken over by a reload. */
  reload: Record<string, Scalar>;
}

/** The same figures as numbers, for whoever sums up what the server's memory must hold. */
export interface TunedMemory {
  sharedBuffersMiB: number;
  /** One sort or hash of one query. */
  workMemMiB: number;
  /** One VACUUM by hand or one index being built. */
  maintenanceMiB: number;
  autovacuumWorkers: number;
  autovacuumWorkMiB: number;
}

/** How PostgreSQL's share of the memory is divided. */
export function tunedMemory({ memoryMiB, cores, maxConnections }: Omit<TuningInput, "diskGiB">): TunedMemory {
  const sharedBuffersMiB = Math.floor(memoryMiB / 4); // pgtune: R/4
  // pgtune: (R - shared_buffers) / ((connections + workers) * 3), because one query may use several; at least 4 MB
  const share = (memoryMiB - sharedBuffersMiB) / ((maxConnections + workerProcesses(cores)) * 3);
  const maintenanceMiB = Math.min(2048, Math.max(64, Math.floor(memoryMiB / 16))); // pgtune: R/16, 2 GB at most
  // PostgreSQL's own 3 on up to six cores; half the cores above, as one worker keeps one core busy.
  const autovacuumWorkers = Math.min(8, Math.max(3, Math.floor(cores / 2)));
  return {
    sharedBuffersMiB,
    workMemMiB: Math.max(4, Math.floor(share)),
    maintenanceMiB,
    autovacuumWorkers,
    // All workers together take what one maintenance command may; without this line each of them takes as much.
    autovacuumWorkMiB: Math.max(32, Math.floor(maintenanceMiB / autovacuumWorkers)),
  };
}

/** Settings computed from the machine; each line names the formula's source. */
export function tune(input: TuningInput): Tuning {
  const { memoryMiB, cores, maxConnections } = input;
  const memory = tunedMemory(input);
  const workers = workerProcesses(cores);
  const parallel = Math.min(4, Math.ceil(cores / 2)); // pgtune: half the cores, 4 at most
  const wal = walSizes(input.diskGiB);
  return {
    restart: {
      autovacuum_max_workers: memory.autovacuumWorkers,
      huge_pages: memory.sharedBuffersMiB >= 2048 ? "try" : "off", // pgtune: worth it from 2 GB
      max_connections: maxConnections,
      max_worker_processes: workers,
      shared_buffers: `${memory.sharedBuffersMiB}MB`,
      // pgtune: 3 % of shared_buffers, 16 MB at most
      wal_buffers: `${Math.min(16, Math.max(1, Math.floor((memory.sharedBuffersMiB * 3) / 100)))}MB`,
    },
    reload: {
      autovacuum_analyze_scale_factor: 0.02, // tighter than Pigsty's 0.04: tables are small, statistics cheap
      // PostgreSQL's 200 is shared by all workers; here each gets it, as an SSD bears that.
      autovacuum_vacuum_cost_limit: 200 * memory.autovacuumWorkers,
      autovacuum_vacuum_scale_factor: 0.05, // Pigsty: 0.08
      autovacuum_work_mem: `${memory.autovacuumWorkMiB}MB`,
      checkpoint_completion_target: 0.9, // pgtune
      checkpoint_timeout: "15min", // Pigsty
      effective_cache_size: `${Math.floor((memoryMiB * 3) / 4)}MB`, // pgtune: 3R/4
      effective_io_concurrency: 200, // pgtune, SSD
      maintenance_io_concurrency: 100, // Pigsty, SSD
      maintenance_work_mem: `${memory.maintenanceMiB}MB`,
      max_parallel_maintenance_workers: parallel,
      max_parallel_workers: Math.min(workers, Math.max(2, cores)), // pgtune: the cores
      max_parallel_workers_per_gather: parallel,
      // Pigsty: 30 % of the disk. A replication slot nobody reads any more must not fill it.
      max_slot_wal_keep_size: `${wal.slotMiB}MB`,
      max_wal_size: `${wal.mostMiB}MB`,
      min_wal_size: `${wal.leastMiB}MB`,
      random_page_cost: 1.1, // pgtune, SSD
      wal_compression: "lz4", // Pigsty
      work_mem: `${memory.workMemMiB}MB`,
    },
  };
}

function workerProcesses(cores: number): number {
  return Math.max(8, cores); // PostgreSQL's own default is 8; pgtune raises it to the number of cores
}

/**
 * pgtune: 1 GB and 4 GB, whatever the disk. Data and WAL share one here, so never more than the twentieth part and the fifth part
 * of it, which is what Pigsty gives a disk of its own.
 */
function walSizes(diskGiB: number): { leastMiB: number; mostMiB: number; slotMiB: number } {
  const part = (share: number) => Math.floor((diskGiB * 1024) / share);
  return {
    leastMiB: Math.min(1024, part(20)),
    mostMiB: Math.min(4096, part(5)),
    slotMiB: Math.floor(diskGiB * 1024 * 0.3),
  };
}
