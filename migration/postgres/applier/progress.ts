import { type Database, field } from "../database.ts";
import { formatLsn, parseLsn } from "../lsn.ts";
import { SCHEMA } from "../names.ts";
import { ApplyError } from "./apply-error.ts";

const TABLE = `${SCHEMA}.apply_progress`;
/** Tables whose rows were copied later than the slot begins; what had been committed before that is in the copy. */
const SINCE = `${SCHEMA}.apply_since`;

/** Once the slot is gone: the next one of its name begins with nothing applied. */
export async function forgetProgress(target: Database, slot: string): Promise<void> {
  for (const table of [TABLE, SINCE])
    if (await has(target, table)) await target.query(`DELETE FROM ${table} WHERE slot = $1`, [slot]);
}

/** By the table's name as {@link qualified} writes it: the first place in the source's log that is not in its copy. */
export type Since = ReadonlyMap<string, bigint>;

export async function readSince(target: Database, slot: string): Promise<Since> {
  if (!(await has(target, SINCE))) return new Map();
  const rows = await target.query(`SELECT relation, since FROM ${SINCE} WHERE slot = $1`, [slot]);
  return new Map(rows.map((row) => [field(row, "relation"), parseLsn(row.since)]));
}

export async function prepareSince(target: Database): Promise<void> {
  await target.query(
    `CREATE TABLE IF NOT EXISTS ${SINCE} (slot text, relation text, since pg_lsn NOT NULL, PRIMARY KEY (slot, relation))`,
  );
}

/** In the transaction that brings the rows: the note is there with them or not at all. */
export async function writeSince(target: Database, slot: string, relation: string, since: bigint): Promise<void> {
  await target.query(`INSERT INTO ${SINCE} VALUES ($1, $2, $3)`, [slot, relation, formatLsn(since)]);
}

async function has(target: Database, table: string): Promise<boolean> {
  return (await target.one(`SELECT to_regclass('${table}') IS NOT NULL AS there`)).there === "t";
}

/** How far a slot was applied, written in the same transaction as what was applied: neither can be there without the other. */
export class Progress {
  readonly #target: Database;
  readonly #slot: string;

  constructor(target: Database, slot: string) {
    this.#target = target;
    this.#slot = slot;
  }

  async prepare(): Promise<void> {
    if (!(await has(this.#target, TABLE))) {
      await this.#target.query(`CREATE SCHEMA IF NOT EXISTS ${SCHEMA}`);
      await this.#target.query(
        `CREATE TABLE IF NOT EXISTS ${TABLE} (slot text PRIMARY KEY, commit_lsn pg_lsn NOT NULL, at timestamptz NOT NULL DEFAULT now())`,
      );
    }
    await this.#target.query(`INSERT INTO ${TABLE} VALUES ($1, '0/0') ON CONFLICT DO NOTHING`, [this.#slot]);
  }

  /** The last transaction that was applied. @param flushed up to where the source has a log at all */
  async read(flushed: bigint): Promise<bigint> {
    const row = await this.#target.one(`SELECT commit_lsn FROM ${TABLE} WHERE slot = $1`, [this.#slot]);
    const done = parseLsn(row.commit_lsn);
    if (done > flushed)
      throw new ApplyError(
        `${this.#target.side} has applied up to ${formatLsn(done)} and the other side has written up to ${formatLsn(flushed)} only: it is not the server it was. Copy and compare anew (bascule sync)`,
      );
    return done;
  }

  /**
   * Inside a transaction: nobody else applies meanwhile.
   * @returns whether the progress is still as read; if not, another applier was here, or an earlier session of ours ended late
   */
  async hold(done: bigint): Promise<boolean> {
    const row = await this.#target.one(`SELECT commit_lsn FROM ${TABLE} WHERE slot = $1 FOR UPDATE`, [this.#slot]);
    return parseLsn(row.commit_lsn) === done;
  }

  async write(commitLsn: bigint): Promise<void> {
    await this.#target.query(`UPDATE ${TABLE} SET commit_lsn = $2, at = now() WHERE slot = $1`, [
      this.#slot,
      formatLsn(commitLsn),
    ]);
  }
}
