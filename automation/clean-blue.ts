import { hostname } from "node:os";
import type { BlueCleaned } from "../migration/mover/clean.ts";
import { blueAccess } from "../migration/mover/configuration.ts";
import { cleanBlueAlone } from "../migration/postgres/clean.ts";
import { FlipRefused } from "../migration/postgres/flip.ts";
import { cleanOnGreen } from "./data.ts";
import { EXIT, OperatorError, refusal } from "./errors.ts";
import type { Report } from "./report.ts";
import type { Session } from "./session.ts";

/**
 * Takes away what a move has put on blue's database: through green, and from this machine where green does not answer or is no more.
 * Nobody who works on blue is held up.
 * @throws OperatorError with exit 30 while green has the writes
 */
export async function cleanBlue(session: Session, report: Report): Promise<BlueCleaned> {
  try {
    return await cleanOnGreen(session, report);
  } catch (error) {
    if (!(error instanceof OperatorError) || error.exitCode === EXIT.refused) throw error;
    report.line(`green does not do it (${error.message}); asking blue's database from this machine`);
    return await fromHere(session, report);
  }
}

async function fromHere(session: Session, report: Report): Promise<BlueCleaned> {
  const { blueDatabaseUrl } = session.secrets;
  const stack = `--stack ${session.stack.name}`;
  if (blueDatabaseUrl === undefined)
    throw new OperatorError(
      "bascule:blueDatabaseUrl is not set, so there is no database to clean",
      `pulumi config set --secret bascule:blueDatabaseUrl ${stack} < blue-url.txt`,
    );
  const access = blueAccess(blueDatabaseUrl, session.settings.blue.databaseCa);
  try {
    const cleaned = await report.step("taking away from blue's database what the move has put there", () =>
      cleanBlueAlone(access, `the operator's bascule, process ${process.pid} on ${hostname()}`),
    );
    for (const slot of cleaned.left)
      report.line(
        `blue has a slot of an interrupted copy, ${slot}; if no other server copies from there: SELECT pg_drop_replication_slot('${slot}')`,
      );
    return { blue: "cleaned", ...cleaned };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    if (error instanceof FlipRefused) throw refusal(message, `bascule data status ${stack} shows who takes the writes`);
    throw new OperatorError(
      message,
      `mend what it names, or run 'bascule data clean-blue ${stack}' where blue's database can be reached; it goes on where it was`,
    );
  }
}
