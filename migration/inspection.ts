import { type Side, sides } from "./side.ts";

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

export type Found = Omit<Finding, "id">;

/** One look at one side, or at both. Nothing it does stays. */
export interface Check<At> {
  id: string;
  side: Side | "both";
  run(at: At): Promise<Found[]>;
}

export interface Inspection {
  /** False where anything blocks, and where anything could not be looked at. */
  ready: boolean;
  findings: Finding[];
  /** Every check that was run. */
  checked: string[];
}

const ORDER: readonly Level[] = ["blocks", "setting", "carried", "info"];

/**
 * Runs every check that has the sides it looks at. One that cannot be made is a finding that blocks: nothing is left out in silence.
 * @param connection why there is no way to a side, or undefined
 */
export async function runChecks<At>(
  at: At,
  checks: readonly Check<At>[],
  connection: (side: Side) => Promise<Found | undefined>,
): Promise<Inspection> {
  const findings: Finding[] = [];
  const out = new Set<Side>();
  for (const side of sides) {
    const refusal = await connection(side);
    if (refusal === undefined) continue;
    findings.push({ id: "connection", ...refusal });
    out.add(side);
  }
  const checked: string[] = [];
  for (const check of checks) {
    if (check.side === "both" ? out.size > 0 : out.has(check.side)) continue;
    checked.push(check.id);
    findings.push(...(await attempt(check, at)));
  }
  if (out.size > 0)
    findings.push({
      id: "unchecked",
      level: "blocks",
      what: `${checks.length - checked.length} of ${checks.length} checks could not be made`,
      where: [...out].join(", "),
      remedy: "correct the connection, then inspect again",
    });
  const ready = findings.every(({ level }) => level === "carried" || level === "info");
  return { ready, findings: sorted(findings), checked };
}

/** What stands in the way first. */
export function sorted(findings: readonly Finding[]): Finding[] {
  return [...findings].sort((a, b) => ORDER.indexOf(a.level) - ORDER.indexOf(b.level));
}

async function attempt<At>(check: Check<At>, at: At): Promise<Finding[]> {
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
        remedy: "give who asks the right, or the server its health, then inspect again",
      },
    ];
  }
}
