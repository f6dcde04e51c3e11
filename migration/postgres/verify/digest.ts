import type { Database } from "../database.ts";
import { type ComparedTable, keyText, rowText } from "./tables.ts";

/** How many rows fell into a bucket, and the sum of their hashes: it does not depend on their order, and parts of it add up. */
export interface Bucket {
  rows: number;
  sum: bigint;
}

export type Digest = Map<number, Bucket>;

/** A part of a table on one side, by the blocks its rows lie in: read as they lie, and never twice. */
export interface Part {
  table: ComparedTable;
  from: number;
  /** Not included; absent for the last part. */
  to: number | undefined;
  bytes: number;
}

/** One part is so much work that a progress bar moves and a budget is kept. */
const PART_BYTES = 64 * 1024 * 1024;
const ROW_BYTES = 64;
const BUCKET_ROWS = 512;
const MOST_BUCKETS = 4096;

export function partsOf(table: ComparedTable): Part[] {
  const count = Math.max(1, Math.ceil(table.bytes / PART_BYTES));
  const step = Math.max(1, Math.ceil(table.blocks / count));
  const parts = Math.max(1, Math.ceil(table.blocks / step));
  return Array.from({ length: parts }, (_, index) => ({
    table,
    from: index * step,
    to: index === parts - 1 ? undefined : (index + 1) * step,
    bytes: table.bytes / parts,
  }));
}

/** Chunks by key, the same on both sides: as many as leave a few hundred rows in each. A power of two. */
export function bucketsFor(sides: readonly ComparedTable[]): number {
  const rows = Math.max(...sides.map(({ bytes }) => bytes / ROW_BYTES));
  const wanted = Math.min(MOST_BUCKETS, Math.max(1, rows / BUCKET_ROWS));
  return 2 ** Math.floor(Math.log2(wanted));
}

/** How the rows of a table are compared. */
export interface Layout {
  columns: readonly string[];
  buckets: number;
}

/** Adds what a part holds to `into`. @param only leaves out the rows of all other buckets */
export async function digestPart(
  session: Database,
  { table, from, to }: Part,
  { columns, buckets }: Layout,
  into: Digest,
  only?: readonly number[],
): Promise<void> {
  const last = to === undefined ? "" : ` AND t.ctid < '(${to},0)'`;
  const end = only === undefined ? last : `${last} AND ${bucketOf(table, buckets)} IN (${only.join(", ")})`;
  const rows = await session.query(
    `SELECT ${bucketOf(table, buckets)} AS bucket, count(*), sum(${rowHash(columns)})
     FROM ONLY ${table.name} AS t WHERE t.ctid >= '(${from},0)'${end} GROUP BY 1`,
  );
  for (const row of rows) {
    const bucket = Number(row.bucket);
    const before = into.get(bucket) ?? { rows: 0, sum: 0n };
    into.set(bucket, { rows: before.rows + Number(row.count), sum: before.sum + BigInt(row.sum ?? 0) });
  }
}

export function differingBuckets(blue: Digest, green: Digest): number[] {
  return [...new Set([...blue.keys(), ...green.keys()])].filter((bucket) => {
    const [one, two] = [blue.get(bucket), green.get(bucket)];
    return one?.rows !== two?.rows || one?.sum !== two?.sum;
  });
}

/** The rows of some buckets: key for people and hash, as they come. */
export function rowsOf(
  session: Database,
  table: ComparedTable,
  { columns, buckets }: Layout,
  chosen: readonly number[],
): ReturnType<Database["stream"]> {
  return session.stream(
    `SELECT ${keyText(table)} AS key, ${rowHash(columns)} AS hash
     FROM ONLY ${table.name} AS t WHERE ${bucketOf(table, buckets)} IN (${chosen.join(", ")})`,
  );
}

/** Of the same text the same on every server of one byte order; {@link probeHash} sees to that. */
const rowHash = (columns: readonly string[]) => `hashtextextended(${rowText(columns)}, 1)`;

const bucketOf = (table: ComparedTable, buckets: number) =>
  `(hashtextextended(${rowText(table.keys)}, 0) & ${buckets - 1})`;

/** What one server makes of a fixed text; two servers that differ here cannot be compared by hashes. */
export async function probeHash(session: Database): Promise<string> {
  const { hash } = await session.one(`SELECT hashtextextended('(1,"a b",é)' COLLATE "C", 1) AS hash`);
  return String(hash);
}
