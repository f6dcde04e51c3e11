import { type Database, field } from "../database.ts";
import { formatLsn, parseLsn } from "../lsn.ts";
import { literal, SCHEMA } from "../names.ts";
import { ApplyError } from "./apply-error.ts";

const TABLE = `${SCHEMA}.apply_progress`;
/** Tables whose rows were copied later than the slot begins; what had been committed before that is in the copy. */
const SINCE = `${SCHEMA}.apply_since`;

const CREATE = `CREATE TABLE IF NOT EXISTS ${TABLE} (slot text PRIMARY KEY, commit_lsn pg_lsn NOT NULL, at timestamptz NOT NULL DEFAULT now())`;
const CREATE_SINCE = `CREATE TABLE IF NOT EXISTS ${SINCE} (slot text, relation text, since pg_lsn NOT NULL, PRIMARY KEY (slot, relation))`;

/** Once the slot is gone: the next one of its name begins with nothing applied. */
export async function forgetProgress(target: Database, slot: string): Promise<void> {
  const forgotten = [TABLE, SINCE].map(
    (table) =>
      `IF to_regclass('${table}') IS NOT NULL THEN DELETE FROM ${table} WHERE slot = ${literal(slot)}; END IF;`,
  );
  await target.query(`DO $forget$ BEGIN ${forgotten.join(" ")} END $forget$`);
}

/** By the table's name as {@link qualified} writes it: the first place in the source's log that is not in its copy. */
export type Since = ReadonlyMap<string, bigint>;

/** Of tables that {@link prepareSince} or {@link Progress.prepare} has made. */
export async function readSince(target: Database, slot: string): Promise<Since> {
  const rows = await target.query(`SELECT relation, since FROM ${SINCE} WHERE slot = $1`, [slot]);
  return new Map(rows.map((row) => [field(row, "relation"), parseLsn(row.since)]));
}

export async function prepareSince(target: Database): Promise<void> {
  await target.query(CREATE_SINCE);
}

/** In the transaction that brings the rows: the note is there with them or not at all. */
export async function writeSince(target: Database, slot: string, relation: string, since: bigint): Promise<void> {
  await target.query(`INSERT INTO ${SINCE} VALUES ($1, $2, $3)`, [slot, relation, formatLsn(since)]);
}

/** How far a slot was applied, written in the same transaction as what was applied: neither can be there without the other. */
export class Progress {
  readonly #target: Database;
  readonly #slot: string;

  constructor(target: Database, slot: string) {
    this.#target = target;
    this.#slot = slot;
  }

  /** In one round trip: in a flip everybody is held for it. What is there already asks for no right to make it. */
  async prepare(): Promise<void> {
    await this.#target.query(
      `DO $prepare$ BEGIN
         IF to_regclass('${TABLE}') IS NULL THEN CREATE SCHEMA IF NOT EXISTS ${SCHEMA}; ${CREATE}; END IF;
         IF to_regclass('${SINCE}') IS NULL THEN ${CREATE_SINCE}; END IF;
         INSERT INTO ${TABLE} VALUES (${literal(this.#slot)}, '0/0') ON CONFLICT DO NOTHING;
       END $prepare$`,
    );
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
