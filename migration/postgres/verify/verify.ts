import { setTimeout as pause } from "node:timers/promises";
import type { Side } from "../../side.ts";
import type { Database } from "../database.ts";
import type { Sessions } from "../path.ts";
import { readLeftOut } from "../scope.ts";
import { bucketsFor, type Digest, differingBuckets, digestPart, type Part, partsOf, probeHash } from "./digest.ts";
import { type NamedRows, nameRows } from "./rows.ts";
import { type Look, look } from "./snapshot.ts";
import { type StructureDifference, structureDifferences, structureOf } from "./structure.ts";
import { type ComparedTable, comparedTables } from "./tables.ts";

export interface VerifyOptions {
  /**
   * Snapshots that are held already, such as those of a freeze. Without them both sides are looked at as they are, and what differs
   * is looked at again a few times, as it may only have been under way.
   */
  snapshots?: Record<Side, string>;
  /** Sessions at each side, each as busy as one core allows. @default 1 */
  parallel?: number;
  /** After so many seconds no new part is begun, and what was not compared is said to be unchecked. @default no limit */
  budgetSeconds?: number;
  tell?: (progress: VerifyProgress) => void;
}

export interface VerifyProgress {
  bytes: number;
  totalBytes: number;
}

export interface TableVerdict extends NamedRows {
  table: string;
  verdict: "equal" | "different" | "unchecked";
  rows: Record<Side, number>;
}

export interface Verification {
  /** True only when everything was compared and nothing differs; sequences are for the flip to carry, and not part of it. */
  equal: boolean;
  tables: TableVerdict[];
  structure: StructureDifference[];
  sequences: { name: string; blue: string | null; green: string | null }[];
  seconds: number;
  bytes: number;
}

/** A table both sides have. */
interface Pair {
  sides: Record<Side, ComparedTable>;
  columns: string[];
  buckets: number;
  digests: Record<Side, Digest>;
  /** Buckets that were equal in no look so far. */
  differing: number[];
  /** Keys that differed in every look at rows; undefined before the first such look. */
  suspects?: Set<string>;
  /** Parts that were not read. */
  left: number;
}

/** Looks at what differs, where no snapshots of one moment are at hand. */
const LOOKS = 5;
const BETWEEN_LOOKS_MS = 500;
const SIDES = ["blue", "green"] as const;

/**
 * Compares two databases row by row, inside the databases, each as it was in one snapshot. What it cannot read is an error and
 * never equal.
 */
export async function verify(at: Sessions, options: VerifyOptions = {}): Promise<Verification> {
  const began = performance.now();
  const deadline = began + (options.budgetSeconds ?? Number.POSITIVE_INFINITY) * 1000;
  let current = await look(at, options.snapshots);
  try {
    const hashes = await Promise.all(SIDES.map((side) => probeHash(current.at[side])));
    if (hashes[0] !== hashes[1]) throw new Error("the two servers hash a text differently, so they cannot be compared");
    const structure = await compareStructure(current.at);
    const sequences = await compareSequences(current.at);
    const pairs = await pairUp(current.at);
    const bytes = await digestAll(pairs, current, { ...options, deadline });
    for (const pair of pairs) pair.differing = differingBuckets(pair.digests.blue, pair.digests.green);
    const open = pairs.filter(({ left }) => left === 0);
    for (let round = 1; round < LOOKS && options.snapshots === undefined; round += 1) {
      if (open.every(({ differing }) => differing.length === 0) || performance.now() > deadline) break;
      await pause(BETWEEN_LOOKS_MS);
      await current.close();
      current = await look(at);
      for (const pair of open) await lookAgain(pair, current.at);
    }
    const tables = await judge(pairs, current.at);
    // Two empty databases are no proof of anything.
    const equal = structure.length === 0 && tables.length > 0 && tables.every(({ verdict }) => verdict === "equal");
    return { equal, tables, structure, sequences, bytes, seconds: (performance.now() - began) / 1000 };
  } finally {
    await current.close();
  }
}

/**
 * A bucket that is equal in any look holds no lost row, and a row that differs in one look and not in the next was under way. What
 * changes all the time stays a suspect: only snapshots of one moment can clear it.
 */
async function lookAgain(pair: Pair, at: Sessions): Promise<void> {
  if (pair.differing.length === 0) return;
  const digests = { blue: new Map(), green: new Map() };
  for (const side of SIDES)
    for (const part of partsOf(pair.sides[side])) await digestPart(at[side], part, pair, digests[side], pair.differing);
  const still = new Set(differingBuckets(digests.blue, digests.green));
  pair.differing = pair.differing.filter((bucket) => still.has(bucket));
  if (pair.differing.length === 0) return;
  const { named, all } = await nameRows(at, pair.sides, pair, pair.differing);
  if (!all) return;
  const { suspects } = pair;
  pair.suspects = new Set(named.map(({ key }) => key).filter((key) => suspects === undefined || suspects.has(key)));
  if (pair.suspects.size === 0) pair.differing = [];
}

async function compareStructure(at: Record<Side, Database>): Promise<StructureDifference[]> {
  const major = async (side: Side) =>
    (await at[side].one("SELECT current_setting('server_version_num')::int / 10000 AS n")).n;
  const same = (await major("blue")) === (await major("green"));
  // By the role that does not own them: on a server of ours every schema is ours.
  const leftOut = (await Promise.all([readLeftOut(at.blue), readLeftOut(at.green)])).flatMap(({ schemas }) => schemas);
  return structureDifferences(await structureOf(at.blue, same, leftOut), await structureOf(at.green, same, leftOut));
}

async function compareSequences(at: Record<Side, Database>): Promise<Verification["sequences"]> {
  const read = async (side: Side) =>
    new Map(
      (
        await at[side].query("SELECT format('%I.%I', schemaname, sequencename) AS name, last_value FROM pg_sequences")
      ).map(({ name, last_value }) => [String(name), last_value ?? null]),
    );
  const [blue, green] = [await read("blue"), await read("green")];
  return [...new Set([...blue.keys(), ...green.keys()])]
    .sort()
    .map((name) => ({ name, blue: blue.get(name) ?? null, green: green.get(name) ?? null }))
    .filter((sequence) => sequence.blue !== sequence.green);
}

/** Tables and columns that only one side has are in the structure; rows are compared in what both have. */
async function pairUp(at: Record<Side, Database>): Promise<Pair[]> {
  const green = new Map((await comparedTables(at.green)).map((table) => [table.name, table]));
  return (await comparedTables(at.blue)).flatMap((blue): Pair[] => {
    const other = green.get(blue.name);
    if (other === undefined) return [];
    const columns = blue.columns.filter((column) => other.columns.includes(column));
    const keys = blue.keys.every((key) => columns.includes(key)) ? blue.keys : columns;
    const sides = { blue: { ...blue, keys }, green: { ...other, keys } };
    const digests = { blue: new Map(), green: new Map() };
    return [{ sides, columns, digests, buckets: bucketsFor([blue, other]), differing: [], left: 0 }];
  });
}

/** All sides' parts at once, a few sessions at each. @returns the bytes that were read */
async function digestAll(
  pairs: readonly Pair[],
  current: Look,
  { parallel = 1, deadline, tell }: VerifyOptions & { deadline: number },
): Promise<number> {
  const queues: Record<Side, { pair: Pair; part: Part }[]> = { blue: [], green: [] };
  for (const pair of pairs)
    for (const side of SIDES)
      for (const part of partsOf(pair.sides[side])) {
        queues[side].push({ pair, part });
        pair.left += 1;
      }
  const totalBytes = [...queues.blue, ...queues.green].reduce((sum, { part }) => sum + part.bytes, 0);
  let bytes = 0;
  let failed = false;
  const work = async (side: Side, session: Database) => {
    while (!failed && performance.now() < deadline) {
      const next = queues[side].shift();
      if (next === undefined) return;
      await digestPart(session, next.part, next.pair, next.pair.digests[side]);
      next.pair.left -= 1;
      bytes += next.part.bytes;
      tell?.({ bytes, totalBytes });
    }
  };
  const workers = SIDES.flatMap((side) =>
    Array.from({ length: parallel }, async (_, index) =>
      work(side, index === 0 ? current.at[side] : await current.another(side)),
    ),
  );
  // One that failed ends the others at their next part; all must have ended before their sessions are closed.
  const ended = await Promise.allSettled(
    workers.map((worker) =>
      worker.catch((error: unknown) => {
        failed = true;
        throw error;
      }),
    ),
  );
  for (const end of ended) if (end.status === "rejected") throw end.reason;
  return bytes;
}

async function judge(pairs: readonly Pair[], at: Sessions): Promise<TableVerdict[]> {
  const verdicts: TableVerdict[] = [];
  for (const pair of pairs) {
    const count = (side: Side) => [...pair.digests[side].values()].reduce((sum, { rows }) => sum + rows, 0);
    const rows = { blue: count("blue"), green: count("green") };
    const table = pair.sides.blue.name;
    if (pair.left > 0) verdicts.push({ table, verdict: "unchecked", rows, named: [], all: false });
    else if (pair.differing.length === 0) verdicts.push({ table, verdict: "equal", rows, named: [], all: true });
    else {
      const { named, all } = await nameRows(at, pair.sides, pair, pair.differing);
      const suspected = named.filter(({ key }) => pair.suspects?.has(key) ?? true);
      verdicts.push({ table, verdict: "different", rows, named: suspected, all });
    }
  }
  return verdicts;
}
