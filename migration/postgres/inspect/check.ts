import type { Check as CheckOf, Finding } from "../../inspection.ts";
import type { Side } from "../../side.ts";
import type { Database, Row } from "../database.ts";

/** What all checks work with. Nothing they do stays. */
export interface Inspected {
  blue: Database;
  green: Database;
}

export type Check = CheckOf<Inspected>;

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
