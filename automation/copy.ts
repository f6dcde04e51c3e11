import {
  type Comparison,
  compareCounts,
  parseCounts,
  type RowCounts,
  rowsOnlyOnGreen,
} from "../migration/copy/compare.ts";
import { type BlueDatabase, type CopyTarget, compareJob, copyJob } from "../migration/copy/job.ts";
import { parseSchemaState, schemaJob } from "../migration/schema/job.ts";
import { OperatorError, refusal } from "./errors.ts";
import { wantedWeight } from "./flip.ts";
import { type Host, openHost, runJob } from "./host.ts";
import { stackOutputs } from "./outputs.ts";
import { createProber } from "./probe.ts";
import type { Report } from "./report.ts";
import type { Session } from "./session.ts";

export interface CopyOptions {
  /** Tables dumped and restored at once. */
  jobs: number;
  /** Allows green's own rows to be overwritten. */
  discardGreenWrites: boolean;
}

export interface CopyResult extends Comparison {
  seconds: number;
}

/**
 * Copies blue's database into green's, on green's server, and compares the rows of every table. Writes on blue must be held
 * meanwhile; whoever runs blue holds them.
 * @throws OperatorError with exit 30 while green takes traffic or has rows of its own, 1 when a table differs afterwards
 */
export async function copy(session: Session, options: CopyOptions, report: Report): Promise<CopyResult> {
  const blueDatabase = blueOf(session);
  if (session.settings.data.move === "replication")
    throw refusal(
      "the stack's data moves by replication, and a copy would break it off",
      `bascule sync --stack ${session.stack.name}`,
    );
  await refuseUnderTraffic(session);
  const started = performance.now();
  const host = await openHost(session);
  try {
    if (!options.discardGreenWrites) await refuseToOverwrite(session, report);
    const job = copyJob(blueDatabase, target(session), options.jobs);
    const { blue, green } = parseCounts(
      await report.step("copying blue's database", () => runJob(host, "copy", job, report)),
    );
    const comparison = compareCounts(blue, green);
    if (comparison.mismatched.length > 0 || comparison.compared === 0) throw mismatch(comparison);
    report.line(`${comparison.compared} tables compared, every row count equal`);
    await bringUpToDate(session, host, report);
    return { ...comparison, seconds: Math.round((performance.now() - started) / 100) / 10 };
  } finally {
    await host.close();
  }
}

/** What the release needs and blue's database has not: its migrations were waiting, or went with green's tables. */
async function bringUpToDate(session: Session, host: Host, report: Report): Promise<void> {
  const { name, migrations } = session.settings.app;
  if (migrations === "off") return;
  const { ran = [], backup } = parseSchemaState(await runJob(host, "migrations", schemaJob(name, "apply"), report));
  if (backup) report.line(`${ran.length} migration(s) applied; backup of ${backup.bytes} bytes in ${backup.path}`);
}

/** Row counts of both databases, each in one snapshot. */
export async function countBothSides(session: Session, report: Report): Promise<{ blue: RowCounts; green: RowCounts }> {
  const host = await openHost(session);
  try {
    return parseCounts(await runJob(host, "compare", compareJob(blueOf(session), target(session)), report));
  } finally {
    await host.close();
  }
}

function blueOf(session: Session): BlueDatabase {
  const { blueDatabaseUrl } = session.secrets;
  if (blueDatabaseUrl !== undefined) return { url: blueDatabaseUrl, ca: session.settings.blue.databaseCa };
  throw new OperatorError(
    "bascule:blueDatabaseUrl is not set, so there is no database to copy from",
    `write postgresql://user:password@host:5432/database into a file, then: pulumi config set --secret bascule:blueDatabaseUrl --stack ${session.stack.name} < FILE`,
  );
}

function target(session: Session): CopyTarget {
  const { database, role } = session.settings.postgres;
  return { database, role };
}

const NEW_REQUESTS = 24;

/**
 * Asks the stack file, the last deployment and the public name: a file may have been edited, and an update broken off after it had
 * moved traffic. A name that does not answer at all is no reason against a copy.
 */
export async function refuseUnderTraffic(session: Session): Promise<void> {
  const weight = Math.max(wantedWeight(session), (await stackOutputs(session.stack)).weight);
  if (weight > 0) {
    throw refusal(
      `green takes traffic (weight ${weight}); a copy would overwrite what its users wrote`,
      `go back first: bascule rollback --stack ${session.stack.name}`,
    );
  }
  const prober = createProber(session.settings);
  const answers = await Promise.all(Array.from({ length: NEW_REQUESTS }, () => prober.probe()));
  const green = answers.filter(({ side }) => side === "green").length;
  if (green === 0) return;
  throw refusal(
    `green answers ${green} of ${NEW_REQUESTS} new requests although the weight is 0; a copy would overwrite what its users wrote`,
    `bring traffic back to blue first: pulumi up --stack ${session.stack.name}`,
  );
}

async function refuseToOverwrite(session: Session, report: Report): Promise<void> {
  const { blue, green } = await report.step("looking for rows only green has", () => countBothSides(session, report));
  const ahead = rowsOnlyOnGreen(blue, green);
  if (ahead === 0) return;
  throw refusal(
    `green has ${ahead} row(s) that blue has not; a copy would destroy them`,
    "add --discard-green-writes when they may go; 'bascule rollback' named the tables",
  );
}

function mismatch({ mismatched }: Comparison): OperatorError {
  const rows = mismatched
    .slice(0, 20)
    .map(({ table, blue, green }) => `  ${table}: blue ${blue ?? "missing"}, green ${green ?? "missing"}`);
  return new OperatorError(
    `row counts differ after the copy; the move stops here:\n${rows.join("\n") || "  no table was compared at all"}`,
    "hold writes on blue and copy again",
  );
}
