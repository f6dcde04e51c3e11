import { compareCounts, rowsOnlyOnGreen } from "../migration/copy/compare.ts";
import type { Interruption } from "./abort.ts";
import { countBothSides } from "./copy.ts";
import { arrivalDeadline, type MoveResult, summary } from "./cutover.ts";
import { blueTakesWrites, type DataMove, flipToBlue } from "./data.ts";
import { OperatorError, refusal } from "./errors.ts";
import { flipBack, requireArrival } from "./flip.ts";
import { deployedWeight, previousWeight, ROLLBACK_MESSAGE } from "./history.ts";
import { type StackOutputs, stackOutputs } from "./outputs.ts";
import { createProber, requireHealthy } from "./probe.ts";
import type { Report } from "./report.ts";
import type { Session } from "./session.ts";
import { requireSameCarrier } from "./targeted-update.ts";

export interface RollbackResult extends MoveResult {
  /** Rows that exist on green and not on blue; null when they could not be counted. */
  writesLost: number | null;
  tablesAhead: { table: string; rows: number }[];
}

export interface RollbackOptions {
  /** Moves the traffic although green has the writes and cannot give them back; blue then only reads. */
  trafficOnly: boolean;
  interruption: Interruption;
}

/**
 * Redeploys the traffic configuration from before the last cutover, as the stack's own history has it, and nothing else: what was
 * edited meanwhile stays undeployed. Where data moves by replication the writes go back first, and none is lost; else what green has that blue
 * has not is counted.
 */
export async function rollback(session: Session, options: RollbackOptions, report: Report): Promise<RollbackResult> {
  const { interruption } = options;
  const [history, green] = await Promise.all([session.stack.history(100, 1, false), stackOutputs(session.stack)]);
  const from = deployedWeight(history);
  const to = previousWeight(history);
  if (to === null || to === from) {
    throw refusal(
      `there is no cutover to go back from; the weight is ${from}`,
      `'bascule status --stack ${session.stack.name}' shows where traffic is; if a cutover was broken off, 'pulumi up --stack ${session.stack.name}' deploys weight ${from} again`,
    );
  }
  requireSameCarrier(session, green);
  const prober = createProber(session.settings);
  await report.step("blue is healthy", () =>
    requireHealthy(prober, "blue", session.settings.blue.address, "blue must answer before traffic goes back to it"),
  );
  let data: DataMove | "unknown" | undefined;
  const before = async () => {
    data = await dataBack(session, green, options, report);
  };
  const message = `${ROLLBACK_MESSAGE}: ${to}`;
  const follows = session.settings.data.move === "replication" ? { before } : {};
  const move = {
    message,
    deadlineSeconds: arrivalDeadline(session),
    interruption,
    since: 0,
    ...follows,
  };
  const result = await flipBack(session, prober, to, move, report);
  requireArrival(result);
  const moved = summary(from, to, [result]);
  if (data === undefined) return { ...moved, ...(await leftBehind(session, report)) };
  return {
    ...moved,
    writesLost: data === "unknown" ? null : 0,
    tablesAhead: [],
    ...(data === "unknown" ? {} : { data }),
  };
}

/**
 * The writes first: traffic that came back before them would meet a database that refuses it, so it waits for them inside its
 * update. They begin to move once that update has the stack's lock.
 * @throws OperatorError with exit 30 when green, which has the writes, does not give them back
 */
async function dataBack(
  session: Session,
  green: StackOutputs,
  { trafficOnly }: RollbackOptions,
  report: Report,
): Promise<DataMove | "unknown"> {
  try {
    return await flipToBlue(session, green, report);
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    if (await blueTakesWrites(session)) {
      report.line(`green does not answer for its database (${error.message}); blue takes the writes already`);
      return { freezeMs: 0 };
    }
    if (!trafficOnly)
      throw refusal(
        `the data could not all be moved back to blue, and traffic was not moved: ${error.message}`,
        "mend what it names and run it again, or --traffic-only: blue then shows what it has and refuses writes until the data is back",
      );
    report.line(`the data is not all back (${error.message}); blue refuses what it would write there`);
    const stack = `--stack ${session.stack.name}`;
    report.line(
      `once green answers again: bascule data move --to blue ${stack}; if it never will: bascule data abandon-green ${stack}`,
    );
    return "unknown";
  }
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
