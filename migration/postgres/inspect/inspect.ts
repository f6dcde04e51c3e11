import { type Found, type Inspection, runChecks } from "../../inspection.ts";
import type { Database } from "../database.ts";
import { errorCode } from "../errors.ts";
import { activityChecks } from "./activity.ts";
import type { Check, Inspected } from "./check.ts";
import { leftOutChecks } from "./left-out.ts";
import { rightsChecks } from "./rights.ts";
import { serverChecks } from "./server.ts";
import { tableChecks } from "./tables.ts";
import { targetChecks } from "./target.ts";

const CHECKS: readonly Check[] = [
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

async function connection(database: Database): Promise<Found | undefined> {
  try {
    await database.query("SELECT 1");
    return undefined;
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error);
    const code = errorCode(error) ?? "";
    const remedies: [RegExp, string][] = [
      [/^28/, "correct user or password; SELECT rolname FROM pg_roles WHERE rolcanlogin lists who may come in"],
      [/^3D000/, "correct the database's name; psql -l lists them"],
      [/^53300/, "too many sessions: end some, or raise max_connections"],
      [/^E/, "correct address and port, and let this machine through the firewall"],
    ];
    const remedy = remedies.find(([pattern]) => pattern.test(code))?.[1] ?? "let this role and this machine in";
    return { level: "blocks", what, where: database.side, remedy };
  }
}
