import type { Database, Row, Side } from "../database.ts";

/**
 * What a finding asks of a person. `blocks`: no move before it is gone. `setting`: a setting or a statement makes it go. `carried`:
 * another step of the move sees to it. `info`: good to know.
 */
export type Level = "blocks" | "setting" | "carried" | "info";

export interface Finding {
  /** Which check found it; the same one may find several things. */
  id: string;
  level: Level;
  what: string;
  where: string;
  /** The statement to run, or what else to do; empty where there is nothing to do. */
  remedy: string;
}

/** What all checks work with. Nothing they do stays. */
export interface Inspected {
  blue: Database;
  green: Database;
}

export interface Check {
  id: string;
  side: Side | "both";
  run(at: Inspected): Promise<Omit<Finding, "id">[]>;
}

/** A check that is one question to one side, and a finding for each row of the answer. */
export function question(
  id: string,
  side: Side,
  sql: string,
  find: (row: Row) => Omit<Finding, "id" | "where"> & { where?: string },
): Check {
  return {
    id,
    side,
    run: async (at) => (await at[side].query(sql)).map((row) => ({ where: row.name ?? side, ...find(row) })),
  };
}
