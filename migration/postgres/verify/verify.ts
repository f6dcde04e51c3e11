import type { Database, Side } from "../database.ts";
import { bucketsFor, type Digest, differingBuckets, digestPart, type Part, partsOf, probeHash } from "./digest.ts";
import { type NamedRows, nameRows } from "./rows.ts";
import { holdSnapshot, sessionAt } from "./snapshot.ts";
import { type StructureDifference, structureDifferences, structureOf } from "./structure.ts";
import { type ComparedTable, comparedTables } from "./tables.ts";

export interface VerifyOptions {
  /** Snapshots that are held already, such as those of a freeze; taken now where they are not given. */
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
  left: number;
}

const SIDES = ["blue", "green"] as const;

/**
 * Compares two databases row by row, inside the databases, each as it was in one snapshot. What it cannot read is an error and
 * never equal.
 */
export async function verify(at: Record<Side, Database>, options: VerifyOptions = {}): Promise<Verification> {
  const began = performance.now();
  const held = options.snapshots === undefined ? await Promise.all(SIDES.map((side) => holdSnapshot(at[side]))) : [];
  const sessions: Database[] = [];
  const open = async (side: Side, index: number) => {
    const session = await sessionAt(at[side], options.snapshots?.[side] ?? held[index]?.id ?? "");
    sessions.push(session);
    return session;
  };
  try {
    const first = { blue: await open("blue", 0), green: await open("green", 1) };
    const hashes = await Promise.all([probeHash(first.blue), probeHash(first.green)]);
    if (hashes[0] !== hashes[1]) throw new Error("the two servers hash a text differently, so they cannot be compared");
    const [structure, sequences, pairs] = [
      await compareStructure(first),
      await compareSequences(first),
      await pairUp(first),
    ];
    const deadline = began + (options.budgetSeconds ?? Number.POSITIVE_INFINITY) * 1000;
    const bytes = await digestAll(pairs, first, (side) => open(side, SIDES.indexOf(side)), { ...options, deadline });
    const tables = await judge(pairs, first);
    const equal = structure.length === 0 && tables.every(({ verdict }) => verdict === "equal");
    return { equal, tables, structure, sequences, bytes, seconds: (performance.now() - began) / 1000 };
  } finally {
    await Promise.all([...sessions.map((session) => session.close()), ...held.map((snapshot) => snapshot.release())]);
  }
}

async function compareStructure(at: Record<Side, Database>): Promise<StructureDifference[]> {
  const major = async (side: Side) =>
    (await at[side].one("SELECT current_setting('server_version_num')::int / 10000 AS n")).n;
  const same = (await major("blue")) === (await major("green"));
  return structureDifferences(await structureOf(at.blue, same), await structureOf(at.green, same));
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
    return [{ sides, columns, digests, buckets: bucketsFor([blue, other]), left: 0 }];
  });
}

/** All sides' parts at once, a few sessions at each. @returns the bytes that were read */
async function digestAll(
  pairs: readonly Pair[],
  first: Record<Side, Database>,
  open: (side: Side) => Promise<Database>,
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
    Array.from({ length: parallel }, async (_, index) => work(side, index === 0 ? first[side] : await open(side))),
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

async function judge(pairs: readonly Pair[], at: Record<Side, Database>): Promise<TableVerdict[]> {
  const verdicts: TableVerdict[] = [];
  for (const { sides, columns, buckets, digests, left } of pairs) {
    const count = (side: Side) => [...digests[side].values()].reduce((sum, { rows }) => sum + rows, 0);
    const rows = { blue: count("blue"), green: count("green") };
    const table = sides.blue.name;
    const differing = differingBuckets(digests.blue, digests.green);
    if (left > 0) verdicts.push({ table, verdict: "unchecked", rows, named: [], all: false });
    else if (differing.length === 0) verdicts.push({ table, verdict: "equal", rows, named: [], all: true });
    else
      verdicts.push({
        table,
        verdict: "different",
        rows,
        ...(await nameRows(at, sides, { columns, buckets }, differing)),
      });
  }
  return verdicts;
}
