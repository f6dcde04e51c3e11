import { type Inspection, runChecks } from "../../inspection.ts";
import { activityChecks } from "./activity.ts";
import type { Check, Inspected } from "./check.ts";
import { connection, connectionChecks } from "./connection.ts";
import { leftOutChecks } from "./left-out.ts";
import { rightsChecks } from "./rights.ts";
import { serverChecks } from "./server.ts";
import { tableChecks } from "./tables.ts";
import { targetChecks } from "./target.ts";

const CHECKS: readonly Check[] = [
  ...connectionChecks,
  ...serverChecks,
  ...rightsChecks,
  ...tableChecks,
  ...leftOutChecks,
  ...activityChecks,
  ...targetChecks,
];

/** Looks at both databases and changes neither. @returns findings, those that stand in the way first */
export function inspect(at: Inspected): Promise<Inspection> {
  return runChecks(at, CHECKS, (side) => connection(at[side]));
}
