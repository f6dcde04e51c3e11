import type { UpdateSummary } from "@pulumi/pulumi/automation/index.js";
import { z } from "zod";
import { compareCounts, rowsOnlyOnGreen } from "../migration/copy/compare.ts";
import type { Interruption } from "./abort.ts";
import { countBothSides } from "./copy.ts";
import { arrivalDeadline, CUTOVER_MESSAGE, type MoveResult, ROLLBACK_MESSAGE, summary } from "./cutover.ts";
import { refusal } from "./errors.ts";
import { deployedWeight, flip, requireArrival } from "./flip.ts";
import { createProber, requireHealthy } from "./probe.ts";
import type { Report } from "./report.ts";
import type { Session } from "./session.ts";

export interface RollbackResult extends MoveResult {
  /** Rows that exist on green and not on blue; null when blue's database is not in the settings. */
  writesLost: number | null;
  tablesAhead: { table: string; rows: number }[];
}

/**
 * Redeploys the traffic configuration from before the last cutover, as the stack's own history has it, held to a plan that
 * touches traffic only. Then counts what green has that blue has not: in this version data does not travel back.
 */
export async function rollback(session: Session, interruption: Interruption, report: Report): Promise<RollbackResult> {
  const from = deployedWeight(session);
  const to = previousWeight(await session.stack.history(100, 1));
  if (to === null || to === from) {
    throw refusal(
      `there is no cutover to go back from; the weight is ${from}`,
      `'bascule status --stack ${session.stack.name}' shows where traffic is`,
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

/** The weight of the newest successful update that was not one of our own moves; null when the newest one is none of them. */
export function previousWeight(history: UpdateSummary[]): number | null {
  const updates = history.filter(({ kind, result }) => kind === "update" && result === "succeeded");
  if (!updates[0]?.message.startsWith(CUTOVER_MESSAGE)) return null;
  const before = updates.find(({ message }) => !message.startsWith(CUTOVER_MESSAGE));
  const traffic = before?.config["bascule:traffic"]?.value;
  return traffic === undefined ? null : trafficSchema.parse(JSON.parse(traffic)).weight;
}

async function leftBehind(
  session: Session,
  report: Report,
): Promise<Pick<RollbackResult, "writesLost" | "tablesAhead">> {
  if (session.secrets.blueDatabaseUrl === undefined) {
    report.line("bascule:blueDatabaseUrl is not set, so nobody counted what was written on green");
    return { writesLost: null, tablesAhead: [] };
  }
  const { blue, green } = await report.step("counting what was written on green", () =>
    countBothSides(session, report),
  );
  const tablesAhead = compareCounts(blue, green)
    .mismatched.map(({ table, blue: there, green: here }) => ({ table, rows: (here ?? 0) - (there ?? 0) }))
    .filter(({ rows }) => rows > 0);
  const writesLost = rowsOnlyOnGreen(blue, green);
  report.line(
    `writesLost: ${writesLost} row(s) are on green and not on blue${writesLost > 0 ? "; green keeps them" : ""}`,
  );
  return { writesLost, tablesAhead };
}
