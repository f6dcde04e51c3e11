import type { UpdateSummary } from "@pulumi/pulumi/automation/index.js";
import { z } from "zod";
import { compareCounts, rowsOnlyOnGreen } from "../migration/copy/compare.ts";
import type { Interruption } from "./abort.ts";
import { countBothSides } from "./copy.ts";
import { arrivalDeadline, CUTOVER_MESSAGE, type MoveResult, ROLLBACK_MESSAGE, summary } from "./cutover.ts";
import { refusal } from "./errors.ts";
import { flip, requireArrival } from "./flip.ts";
import { stackOutputs } from "./outputs.ts";
import { createProber, requireHealthy } from "./probe.ts";
import type { Report } from "./report.ts";
import type { Session } from "./session.ts";

export interface RollbackResult extends MoveResult {
  /** Rows that exist on green and not on blue; null when they could not be counted. */
  writesLost: number | null;
  tablesAhead: { table: string; rows: number }[];
}

/**
 * Redeploys the traffic configuration from before the last cutover, as the stack's own history has it, held to a plan that
 * touches traffic only. Then counts what green has that blue has not: in this version data does not travel back.
 */
export async function rollback(session: Session, interruption: Interruption, report: Report): Promise<RollbackResult> {
  const { weight: from } = await stackOutputs(session.stack);
  const to = previousWeight(await session.stack.history(100, 1));
  if (to === null || to === from) {
    throw refusal(
      `there is no cutover to go back from; the weight is ${from}`,
      `'bascule status --stack ${session.stack.name}' shows where traffic is; if a cutover was broken off, 'pulumi up --stack ${session.stack.name}' deploys weight ${from} again`,
    );
  }
  const prober = createProber(session.settings);
  await report.step("blue is healthy", () =>
    requireHealthy(prober, "blue", session.settings.blue.address, "blue must answer before traffic goes back to it"),
  );
  const options = { message: `${ROLLBACK_MESSAGE}: ${to}`, deadlineSeconds: arrivalDeadline(session), interruption };
  const result = await flip(session, prober, to, options, report);
  requireArrival(result);
  return { ...summary(from, to, [result]), ...(await leftBehind(session, report)) };
}

const trafficSchema = z.looseObject({ weight: z.number() });

/**
 * The weight of the newest successful update that gave green less than it has now and was no step of a cutover. Deployments since
 * the cutover, such as a new release, kept its weight and do not stand in the way. Null when green never had less.
 */
export function previousWeight(history: UpdateSummary[]): number | null {
  const updates = history.filter(({ kind, result }) => kind === "update" && result === "succeeded");
  const now = updates[0] && weightOf(updates[0]);
  if (typeof now !== "number") return null;
  const before = updates
    .filter(({ message }) => !message.startsWith(CUTOVER_MESSAGE))
    .map(weightOf)
    .find((weight) => weight !== null && weight < now);
  return before ?? null;
}

function weightOf({ config }: UpdateSummary): number | null {
  const traffic = config["bascule:traffic"]?.value;
  return traffic === undefined ? null : trafficSchema.parse(JSON.parse(traffic)).weight;
}

/** Never fails: traffic is back already, and a green that is out of reach is a likely reason for the rollback. */
async function leftBehind(
  session: Session,
  report: Report,
): Promise<Pick<RollbackResult, "writesLost" | "tablesAhead">> {
  const unknown = { writesLost: null, tablesAhead: [] };
  if (session.secrets.blueDatabaseUrl === undefined) {
    report.line("bascule:blueDatabaseUrl is not set, so nobody counted what was written on green");
    return unknown;
  }
  const counts = await report
    .step("counting what was written on green", () => countBothSides(session, report))
    .catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error);
      report.line(`traffic is back, but what was written on green could not be counted: ${reason}`);
    });
  if (!counts) return unknown;
  const { blue, green } = counts;
  const tablesAhead = compareCounts(blue, green)
    .mismatched.map(({ table, blue: there, green: here }) => ({ table, rows: (here ?? 0) - (there ?? 0) }))
    .filter(({ rows }) => rows > 0);
  const writesLost = rowsOnlyOnGreen(blue, green);
  report.line(
    `writesLost: ${writesLost} row(s) are on green and not on blue${writesLost > 0 ? "; green keeps them" : ""}`,
  );
  return { writesLost, tablesAhead };
}
