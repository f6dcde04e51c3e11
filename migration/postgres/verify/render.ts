import type { Verification } from "./verify.ts";

/** A comparison for people: the verdict last, and before it what is not equal, with the rows by their keys. */
export function renderVerification({ equal, tables, structure, sequences, bytes, seconds }: Verification): string {
  const lines: string[] = [];
  for (const { table, verdict, rows, named, all } of tables) {
    if (verdict === "equal") continue;
    lines.push(
      verdict === "unchecked"
        ? `${table}: not compared`
        : `${table}: ${rows.blue} rows on blue, ${rows.green} on green`,
    );
    for (const { key, what } of named) lines.push(`  ${what}: ${key}`);
    if (verdict === "different" && !all) lines.push("  and more");
  }
  for (const { kind, name, blue, green } of structure) {
    const what =
      blue === undefined
        ? "only on green"
        : green === undefined
          ? "only on blue"
          : `${blue} on blue, ${green} on green`;
    lines.push(`${kind} ${name}: ${what}`);
  }
  if (sequences.length > 0) lines.push(`${sequences.length} sequences differ, which the flip sets`);
  const rows = tables.reduce((sum, table) => sum + table.rows.blue, 0);
  const size = `${tables.length} tables, ${rows} rows, ${(bytes / 2 / 1e6).toFixed(0)} MB on each side, ${seconds.toFixed(1)} s`;
  return `${[...lines, `${equal ? "equal" : "NOT EQUAL"}: ${size}`].join("\n")}\n`;
}
