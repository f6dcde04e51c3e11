import { hostname } from "node:os";
import { blueAccess } from "../migration/mover/configuration.ts";
import { blueRedisAccess } from "../migration/mover/keys/configuration.ts";
import { openAlone } from "../migration/postgres/alone.ts";
import type { Move } from "../migration/postgres/move.ts";
import { NativePath } from "../migration/postgres/native.ts";
import { noPooler } from "../migration/postgres/pooler.ts";
import { openAlone as openKeysAlone } from "../migration/redis/alone.ts";
import { dataStatus, requireDomain } from "./data.ts";
import { OperatorError, refusal, Unreachable } from "./errors.ts";
import { requireReplication } from "./mover.ts";
import { stackOutputs } from "./outputs.ts";
import type { Report } from "./report.ts";
import type { Session } from "./session.ts";

/**
 * Opens blue's database with what it has, and its Redis where keys move, from this machine: for a green that is gone for good with the
 * writes. What green had taken and not yet sent is lost, and green must not come back as it was.
 * @throws OperatorError with exit 30 unless the domain was typed, and while green's server answers: then nothing needs to be lost, or it must
 *   be switched off first
 */
export async function abandonGreen(
  session: Session,
  typed: string | undefined,
  report: Report,
): Promise<{ writer: "blue" }> {
  requireReplication(session);
  await requireDomain(session, typed, "data abandon-green", "What green had not sent yet is lost.");
  const { serverAddress } = await stackOutputs(session.stack);
  await refuseWhereItAnswers(session, report);
  const { blueDatabaseUrl = "", blueRedisUrl } = session.secrets;
  const blue = blueAccess(blueDatabaseUrl, session.settings.blue.databaseCa);
  // Nobody outside green's server reaches its database; the address only names it.
  const green = { host: serverAddress, port: 5432, database: "gone", user: "gone" };
  const paths = { blue: new NativePath("blue", blue), green: new NativePath("green", green) };
  const move: Move = { access: { blue, green }, paths, pooler: noPooler };
  await report.step("opening blue's database with what it has", () =>
    openAlone(move, "blue", `the operator's bascule, process ${process.pid} on ${hostname()}`),
  );
  if (blueRedisUrl !== undefined)
    await report.step("opening blue's Redis with what it has", () =>
      openKeysAlone("blue", blueRedisAccess(blueRedisUrl)),
    );
  return { writer: "blue" };
}

async function refuseWhereItAnswers(session: Session, report: Report): Promise<void> {
  try {
    await dataStatus(session, report);
  } catch (error) {
    refuseUnlessGone(error);
    return;
  }
  throw refusal(
    "green answers, so nothing needs to be lost",
    `bascule rollback --stack ${session.stack.name}, or bascule data move --to blue --stack ${session.stack.name}`,
  );
}

/**
 * A green that answers and cannot say how its data is may still take writes, and blue must not be opened beside it.
 * @throws OperatorError with exit 30 unless this is the error of a green nobody reaches
 */
export function refuseUnlessGone(error: unknown): void {
  if (error instanceof Unreachable) return;
  if (!(error instanceof OperatorError)) throw error;
  throw refusal(
    `green's server answers, so it may still take writes, and only its data does not: ${error.message}`,
    "mend what it names; or switch that server off, and then abandon it",
  );
}
