import { identifier } from "../names.ts";
import { ApplyError } from "./apply-error.ts";
import type { Change, Value } from "./pgoutput.ts";
import type { TargetColumn, TargetTable } from "./table.ts";

/** One statement for one row or for many rows of one table, and what it must have done. */
export interface Step {
  table: TargetTable;
  kind: RowChange["kind"];
  sql: string;
  values: (string | null | (string | null)[])[];
  /** Whether the text comes again and again, so that the server should keep it. */
  repeats: boolean;
  /** How many rows it must touch. */
  rows: number;
  /** The key of the row with this number in the statement, for people. */
  keyOf(row: number): string;
}

export type RowChange = Exclude<Change, { kind: "truncate" }>;

/**
 * The statements for changes of one table, in their order: neighbours of one kind become one statement. A row that comes twice
 * among them, a key that changes and a table without a key end such a run, as one statement sees only what was before it.
 */
export function steps(table: TargetTable, changes: readonly RowChange[]): Step[] {
  const made: Step[] = [];
  let run: RowChange[] = [];
  let signature = "";
  const seen = new Set<string>();
  const close = () => {
    const [first] = run;
    if (first !== undefined)
      made.push(signature === "" && first.kind !== "insert" ? single(table, first) : many(table, first, run));
    run = [];
    seen.clear();
  };
  for (const change of changes) {
    const own = runSignature(table, change);
    const key = change.kind === "update" ? table.keys.map(({ index }) => change.row[index]).join("\0") : "";
    if (own !== signature || own === "" || (change.kind === "update" && (table.otherUnique || seen.has(key)))) close();
    signature = own;
    run.push(change);
    if (change.kind === "update") seen.add(key);
  }
  close();
  return made;
}

/** Changes with the same signature fit into one statement; the empty one stands alone. */
function runSignature(table: TargetTable, change: RowChange): string {
  if (change.kind === "insert") return "insert";
  if (table.keys.length === 0) return "";
  if (change.kind === "delete") return "delete";
  if (change.old !== undefined || moves(table, change)) return "";
  return `update ${change.row.map((value) => (value === undefined ? "-" : "+")).join("")}`;
}

/** An UPDATE may not assign to GENERATED ALWAYS AS IDENTITY. Where such a value may have changed, the row goes and comes. */
function moves(table: TargetTable, change: RowChange & { kind: "update" }): boolean {
  return table.columns.some(({ identityAlways, index, key }) => {
    if (!identityAlways || change.row[index] === undefined) return false;
    if (key || table.relation.full) return change.old !== undefined && change.old[index] !== change.row[index];
    return true;
  });
}

function many(table: TargetTable, first: RowChange, run: readonly RowChange[]): Step {
  const isUpdate = first.kind === "update";
  const columns =
    first.kind === "delete" ? table.keys : table.columns.filter(({ index }) => first.row[index] !== undefined);
  const missing = isUpdate ? table.keys.find((key) => !columns.includes(key)) : undefined;
  if (missing !== undefined) throw new ApplyError(`an update of ${table.name} came without its key "${missing.name}"`);
  const place = new Map(columns.map((column, number) => [column, number]));
  const value = (column: TargetColumn) =>
    column.inArray ? `v.c${place.get(column)}` : `v.c${place.get(column)}::${column.type}`;
  const arrays = columns.map(({ inArray, type }, number) => `$${number + 1}::${inArray ? type : "text"}[]`);
  const names = columns.map((_, number) => `c${number}`);
  const rows = `unnest(${arrays.join(", ")}) WITH ORDINALITY AS v(${[...names, "n"].join(", ")})`;
  const where = table.keys.map((key) => `t.${identifier(key.name)} ${key.equals ?? "="} ${value(key)}`).join(" AND ");
  const assigned = columns.filter(({ identityAlways }) => !identityAlways);
  const sql = {
    insert: () =>
      `INSERT INTO ${table.name} (${columns.map(({ name }) => identifier(name)).join(", ")}) OVERRIDING SYSTEM VALUE SELECT ${columns.map(value).join(", ")} FROM ${rows} ORDER BY v.n`,
    // Where nothing is left to assign, the row must be there all the same.
    update: () =>
      assigned.length === 0
        ? `SELECT v.n FROM ${table.name} AS t JOIN ${rows} ON ${where}`
        : `UPDATE ${table.name} AS t SET ${assigned.map((column) => `${identifier(column.name)} = ${value(column)}`).join(", ")} FROM ${rows} WHERE ${where} RETURNING v.n`,
    delete: () => `DELETE FROM ${table.name} AS t USING ${rows} WHERE ${where} RETURNING v.n`,
  }[first.kind]();
  const rowOf = (change: RowChange) => (change.kind === "delete" ? change.old : change.row);
  return {
    table,
    kind: first.kind,
    sql,
    values: columns.map(({ index }) => run.map((change) => rowOf(change)[index] ?? null)),
    repeats: true,
    rows: run.length,
    keyOf: (row) => keyText(table, rowOf(run[row] ?? first)),
  };
}

/** One row that has no key, or whose key changes. */
function single(table: TargetTable, change: Exclude<RowChange, { kind: "insert" }>): Step {
  const values: (string | null)[] = [];
  const parameter = (column: TargetColumn, value: Value) => {
    values.push(value ?? null);
    return `$${values.length}::${column.type}`;
  };
  const old = change.kind === "delete" ? change.old : (change.old ?? change.row);
  const keyless = table.keys.length === 0;
  const sought = (keyless ? table.columns : table.keys).filter(({ index }) => old[index] !== undefined);
  const where = sought.map((column) => condition(column, old[column.index] ?? null, parameter)).join(" AND ") || "true";
  // Of rows that are equal in everything one is as good as another, and only one is meant; a place is one only within its partition.
  const found = `one AS MATERIALIZED (SELECT t.tableoid AS o, t.ctid AS i FROM ${table.name} AS t WHERE ${where} LIMIT 1)`;
  const begin = keyless ? `WITH ${found} ` : "";
  const from = keyless ? "one" : "";
  const matched = keyless ? "t.ctid = one.i AND t.tableoid = one.o" : where;
  const removal = `DELETE FROM ${table.name} AS t ${from && `USING ${from}`} WHERE ${matched}`;
  const step = { table, kind: change.kind, values, repeats: !keyless, rows: 1, keyOf: () => keyText(table, old) };
  if (change.kind !== "update") return { ...step, sql: `${begin}${removal}` };
  const sent = table.columns.filter(({ index }) => change.row[index] !== undefined);
  if (moves(table, change)) {
    const names = table.columns.map(({ name }) => identifier(name));
    const taken = table.columns.map((column) =>
      sent.includes(column) ? parameter(column, change.row[column.index]) : `gone.${identifier(column.name)}`,
    );
    const gone = `${keyless ? `${begin.trimEnd()}, ` : "WITH "}gone AS (${removal} RETURNING t.*)`;
    const sql = `${gone} INSERT INTO ${table.name} (${names.join(", ")}) OVERRIDING SYSTEM VALUE SELECT ${taken.join(", ")} FROM gone`;
    return { ...step, sql };
  }
  const assigned = sent.filter(({ identityAlways }) => !identityAlways);
  const assignments = assigned.map(
    (column) => `${identifier(column.name)} = ${parameter(column, change.row[column.index])}`,
  );
  const update = `UPDATE ${table.name} AS t SET ${assignments.join(", ")} ${from && `FROM ${from}`} WHERE ${matched}`;
  return { ...step, sql: `${begin}${update}` };
}

/**
 * Finds a row by a value of it. A key is compared by its own operator. Without a key, values may be equal and yet not the same
 * (1.0 and 1.00), so the text decides, and the operator only lets an index help.
 */
function condition(
  column: TargetColumn,
  value: string | null,
  parameter: (column: TargetColumn, value: Value) => string,
): string {
  const name = `t.${identifier(column.name)}`;
  if (value === null) return `${name} IS NULL`;
  const given = parameter(column, value);
  if (column.key && column.equals !== undefined) return `${name} ${column.equals} ${given}`;
  const same = `${name}::text = ${given}::text`;
  return column.equals === undefined ? same : `${name} ${column.equals} ${given} AND ${same}`;
}

/** The key of a row, or all of it where there is no key, cut to what a person reads. */
function keyText({ keys, columns }: TargetTable, row: readonly Value[]): string {
  const shown = (keys.length > 0 ? keys : columns)
    .map(({ name, index }) => `${name}=${row[index] ?? "NULL"}`)
    .join(", ");
  return shown.length > 300 ? `${shown.slice(0, 300)}...` : shown;
}
