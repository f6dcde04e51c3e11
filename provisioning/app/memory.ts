/** PM2 itself and the command that reloads it, of which each takes 75. */
export const PM2_MIB = 160;

/** Node's own program, which the kernel holds once for all instances and PM2 counts in each. */
export const NODE_PROGRAM_MIB = 45;

/** What Node takes beside its heap however much it may have: its own code and tables, buffers, a stack per thread. */
const BESIDE_HEAP_MIB = 128;

/**
 * Node's heap for an instance that is to take so much. A full heap ends the process with a reason and a trace in the journal; the
 * kernel, which comes next, only says that it ended it. In a small instance half is left for what is no heap, in a large one 128 MiB.
 */
export function heapOptions(memoryMiB: number): string {
  const old = Math.max(Math.floor(memoryMiB / 2), memoryMiB - BESIDE_HEAP_MIB);
  // Young objects live beside the old ones, in three spaces of this size, which Node measures by the machine's memory.
  const young = Math.min(16, Math.max(1, Math.floor(memoryMiB / 30)));
  return `--max-old-space-size=${old} --max-semi-space-size=${young}`;
}

/**
 * Where the kernel ends an instance. Twice what it takes in ordinary work: under load the shop of the example, whose four threads hash
 * passwords in 16 MiB each, was ended with requests in it by a wall at 120. The wall is there for what leaks.
 */
export function wallMiB(memoryMiB: number): number {
  return 2 * memoryMiB;
}

/**
 * The wall around a unit. Without swap and without a limit that only slows down: an instance that takes too much is to end at once and
 * come back while its neighbours serve, not to answer slowly.
 */
export function memoryWall(MiB: number) {
  return { MemoryMax: `${MiB}M`, MemorySwapMax: 0 };
}
