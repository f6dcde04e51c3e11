/** Rows per table, by schema-qualified name. */
export type RowCounts = Record<string, number>;

export interface Mismatch {
  table: string;
  /** Null where the table is missing. */
  blue: number | null;
  green: number | null;
}

export interface Comparison {
  tables: number;
  /** Tables present on both sides. */
  compared: number;
  mismatched: Mismatch[];
}

const MARK = "BASCULE_RESULT ";

/** Finds the counts in what a job printed. @throws Error when the job never came that far. */
export function parseCounts(output: string): { blue: RowCounts; green: RowCounts } {
  const line = output.split("\n").findLast((candidate) => candidate.startsWith(MARK));
  if (line === undefined) throw new Error("the job ended without row counts; nothing can be said about the copy");
  const { blue, green } = JSON.parse(line.slice(MARK.length)) as { blue: RowCounts; green: RowCounts };
  return { blue, green };
}

/** Every table of either side, compared; a copy is good only when nothing is mismatched and something was compared. */
export function compareCounts(blue: RowCounts, green: RowCounts): Comparison {
  const names = [...new Set([...Object.keys(blue), ...Object.keys(green)])].sort();
  const mismatched = names
    .map((table) => ({ table, blue: blue[table] ?? null, green: green[table] ?? null }))
    .filter((row) => row.blue !== row.green);
  const compared = names.filter((table) => table in blue && table in green).length;
  return { tables: names.length, compared, mismatched };
}

/** Rows that only green has, table by table: what a way back without the data leaves behind. */
export function rowsOnlyOnGreen(blue: RowCounts, green: RowCounts): number {
  return Object.entries(green).reduce((sum, [table, rows]) => sum + Math.max(0, rows - (blue[table] ?? 0)), 0);
}
