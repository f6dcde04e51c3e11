import type { Database, Side } from "../database.ts";
import { errorCode } from "../errors.ts";
import { activityChecks } from "./activity.ts";
import type { Check, Finding, Inspected, Level } from "./finding.ts";
import { rightsChecks } from "./rights.ts";
import { serverChecks } from "./server.ts";
import { tableChecks } from "./tables.ts";
import { targetChecks } from "./target.ts";

export interface Inspection {
  /** False where anything blocks, and where anything could not be looked at. */
  ready: boolean;
  findings: Finding[];
  /** Every check that was run. */
  checked: string[];
}

const CHECKS: readonly Check[] = [...serverChecks, ...rightsChecks, ...tableChecks, ...activityChecks, ...targetChecks];
const ORDER: readonly Level[] = ["blocks", "setting", "carried", "info"];

/** Looks at both databases and changes neither. A check that cannot be made is a finding that blocks: nothing is left out in silence. */
export async function inspect(at: Inspected): Promise<Inspection> {
  const findings: Finding[] = [];
  const out = new Set<Side>();
  for (const side of ["blue", "green"] as const) {
    const refusal = await connection(at[side]);
    if (refusal === undefined) continue;
    findings.push(refusal);
    out.add(side);
  }
  const checked: string[] = [];
  for (const check of CHECKS) {
    if (check.side === "both" ? out.size > 0 : out.has(check.side)) continue;
    checked.push(check.id);
    findings.push(...(await attempt(check, at)));
  }
  if (out.size > 0)
    findings.push({
      id: "unchecked",
      level: "blocks",
      what: `${CHECKS.length - checked.length} of ${CHECKS.length} checks could not be made`,
      where: [...out].join(", "),
      remedy: "correct the connection, then inspect again",
    });
  findings.sort((a, b) => ORDER.indexOf(a.level) - ORDER.indexOf(b.level));
  return { ready: findings.every(({ level }) => level === "carried" || level === "info"), findings, checked };
}

async function attempt(check: Check, at: Inspected): Promise<Finding[]> {
  try {
    return (await check.run(at)).map((finding) => ({ id: check.id, ...finding }));
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error);
    return [
      {
        id: check.id,
        level: "blocks",
        what: `this could not be looked at: ${what}`,
        where: check.side,
        remedy: "give this role the right, or the server its health, then inspect again",
      },
    ];
  }
}

async function connection(database: Database): Promise<Finding | undefined> {
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
    return { id: "connection", level: "blocks", what, where: database.side, remedy };
  }
}
