import { type Finding, type Inspection, sorted } from "../inspection.ts";
import { Database } from "../postgres/database.ts";
import { inspect } from "../postgres/inspect/inspect.ts";
import type { Configuration } from "./configuration.ts";
import { inspectKeys } from "./keys/inspection.ts";

/** Looks at both databases, and at both servers of the keys where they move. */
export async function inspectBoth({ keys, ...rows }: Configuration): Promise<Inspection> {
  const ofRows = await inspectRows(rows);
  if (keys === undefined) return ofRows;
  const ofKeys = await inspectKeys(keys);
  return {
    ready: ofRows.ready && ofKeys.ready,
    findings: sorted([...ofRows.findings, ...ofKeys.findings]),
    checked: [...ofRows.checked, ...ofKeys.checked],
  };
}

/** With what is known here besides: who owns everything on green. */
async function inspectRows({ access, role }: Pick<Configuration, "access" | "role">): Promise<Inspection> {
  const at = { blue: new Database("blue", access.blue), green: new Database("green", access.green) };
  try {
    const inspection = await inspect(at);
    const findings = inspection.findings.map((finding) => ownKnown(finding, role));
    return { ...inspection, findings, ready: findings.every(({ level }) => level === "carried" || level === "info") };
  } finally {
    await Promise.all([at.blue.close(), at.green.close()]);
  }
}

/**
 * Owners and grants of blue stay there: on green one role owns everything, as the application is the only one that comes. And what
 * that application made at its first start is nobody's data.
 */
function ownKnown(finding: Finding, role: string): Finding {
  const carried = { ...finding, level: "carried", remedy: "" } as const;
  if (finding.id === "roles")
    return {
      ...carried,
      what: `what this role owns on blue belongs to ${role} on green, and what it was granted is not carried`,
    };
  if (finding.id !== "target-empty") return finding;
  return { ...carried, what: `${finding.what}; sync takes it away, and rows only when told so` };
}
