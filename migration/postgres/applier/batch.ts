import type { Database } from "../database.ts";
import { errorCode } from "../errors.ts";
import { ApplyError } from "./apply-error.ts";
import type { Change, Relation } from "./pgoutput.ts";
import { type RowChange, type Step, steps } from "./statements.ts";
import { type TargetTable, targetTable } from "./table.ts";

/** Changes wait until there are so many of them, or so many characters in them. */
const ROWS = 1000;
const CHARACTERS = 4_000_000;

const NEXT = "Compare the two sides (bascule verify), correct the row, then start the applier again";

/**
 * Carries changes into the target's open transaction. Tables do not depend on each other there, as neither triggers nor foreign
 * keys are at work, so each one's changes go together; within a table their order is kept.
 */
export class Batch {
  /** Row changes taken since the beginning. */
  taken = 0;
  readonly #target: Database;
  readonly #tables = new Map<Relation, TargetTable>();
  readonly #names = new Map<string, string>();
  readonly #waiting = new Map<TargetTable, RowChange[]>();
  #rows = 0;
  #characters = 0;

  constructor(target: Database) {
    this.#target = target;
  }

  async add(change: Change): Promise<void> {
    if (change.kind === "truncate") return this.#truncate(change);
    const table = await this.#table(change.relation);
    const waiting = this.#waiting.get(table);
    if (waiting === undefined) this.#waiting.set(table, [change]);
    else waiting.push(change);
    this.taken += 1;
    this.#rows += 1;
    for (const value of change.kind === "delete" ? change.old : change.row) this.#characters += value?.length ?? 0;
    if (this.#rows >= ROWS || this.#characters >= CHARACTERS) await this.flush();
  }

  /** Sends what waits, and returns when the target has done it. */
  async flush(): Promise<void> {
    const all = [...this.#waiting].flatMap(([table, changes]) => steps(table, changes));
    this.discard();
    await Promise.all(all.map((step) => this.#run(step)));
  }

  /** Forgets what waits: its transaction was taken back. */
  discard(): void {
    this.#waiting.clear();
    this.#rows = 0;
    this.#characters = 0;
  }

  async #run(step: Step): Promise<void> {
    const { side } = this.#target;
    try {
      const { rows, count } = await this.#target.prepared(
        step.repeats ? this.#name(step.sql) : "",
        step.sql,
        step.values,
      );
      if (count === step.rows) return;
      const touched = rows.map(({ n }) => Number(n) - 1);
      const wrong = Array.from({ length: step.rows }, (_, row) => row).find(
        (row) => touched.filter((each) => each === row).length !== 1,
      );
      throw new ApplyError(
        `${step.kind} of ${step.table.name} (${step.keyOf(wrong ?? 0)}) touched ${step.rows === 1 ? count : touched.filter((each) => each === wrong).length} rows on ${side}, not 1: the sides differ. ${NEXT}`,
      );
    } catch (error) {
      // Of what else the transaction says after its first failure nothing is of use.
      if (!/^(2[123]|42)/.test(errorCode(error) ?? "") || !(error instanceof Error)) throw error;
      const detail = "detail" in error && typeof error.detail === "string" ? ` ${error.detail}` : "";
      throw new ApplyError(`${side} refuses ${step.kind} of ${step.table.name}: ${error.message}.${detail} ${NEXT}`, {
        cause: error,
      });
    }
  }

  async #truncate({ relations, restartIdentity }: Change & { kind: "truncate" }): Promise<void> {
    await this.flush();
    const tables = await Promise.all(relations.map((relation) => this.#table(relation)));
    const names = tables.map(({ name }) => name).join(", ");
    await this.#target.query(`TRUNCATE ${names} ${restartIdentity ? "RESTART" : "CONTINUE"} IDENTITY`);
    this.taken += 1;
  }

  async #table(relation: Relation): Promise<TargetTable> {
    const known = this.#tables.get(relation);
    if (known !== undefined) return known;
    const table = await targetTable(this.#target, relation);
    this.#tables.set(relation, table);
    return table;
  }

  #name(sql: string): string {
    const known = this.#names.get(sql);
    if (known !== undefined) return known;
    const name = `apply_${this.#names.size}`;
    this.#names.set(sql, name);
    return name;
  }
}
