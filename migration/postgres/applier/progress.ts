import type { Database } from "../database.ts";
import { formatLsn, parseLsn } from "../lsn.ts";
import { SCHEMA } from "../names.ts";
import { ApplyError } from "./apply-error.ts";

const TABLE = `${SCHEMA}.apply_progress`;

/** Once the slot is gone: the next one of its name begins with nothing applied. */
export async function forgetProgress(target: Database, slot: string): Promise<void> {
  const { there } = await target.one(`SELECT to_regclass('${TABLE}') IS NOT NULL AS there`);
  if (there === "t") await target.query(`DELETE FROM ${TABLE} WHERE slot = $1`, [slot]);
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
    const { there } = await this.#target.one(`SELECT to_regclass('${TABLE}') IS NOT NULL AS there`);
    if (there !== "t") {
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
