import type { Finding, Level } from "../../postgres/inspect/finding.ts";
import type { Inspection } from "../../postgres/inspect/inspect.ts";
import type { Server, Side } from "../server.ts";
import type { Check, Inspected } from "./check.ts";
import { keyChecks } from "./keys.ts";
import { rightsChecks } from "./rights.ts";
import { serverChecks } from "./server.ts";

const CHECKS: readonly Check[] = [...serverChecks, ...rightsChecks, ...keyChecks];
const ORDER: readonly Level[] = ["blocks", "setting", "carried", "info"];

/** Looks at both servers. A check that cannot be made is a finding that blocks: nothing is left out in silence. */
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
        remedy: "give this user the right, or the server its health, then inspect again",
      },
    ];
  }
}

async function connection(server: Server): Promise<Finding | undefined> {
  try {
    await server.ask("PING");
    return undefined;
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error);
    const remedy = /WRONGPASS|NOAUTH|NOPERM/.test(what)
      ? "correct user or password; ACL LIST shows who may come in"
      : "correct address and port, and let this machine through the firewall";
    return { id: "connection", level: "blocks", what, where: server.side, remedy };
  }
}
