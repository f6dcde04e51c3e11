import { setTimeout as pause } from "node:timers/promises";
import { input } from "@inquirer/prompts";
import { rowsOnlyOnGreen } from "../migration/copy/compare.ts";
import { leftoversScript } from "../migration/copy/job.ts";
import type { Inspection } from "../migration/inspection.ts";
import type { BlueCleaned } from "../migration/mover/clean.ts";
import { blueAccess } from "../migration/mover/configuration.ts";
import type { FlipResult } from "../migration/mover/flips.ts";
import { blueRedisAccess } from "../migration/mover/keys/configuration.ts";
import type { KeysVerification } from "../migration/mover/keys/verbs.ts";
import type { DataStatus } from "../migration/mover/status.ts";
import { Database } from "../migration/postgres/database.ts";
import { readFence } from "../migration/postgres/fence.ts";
import type { Verification } from "../migration/postgres/verify/verify.ts";
import { takesWrites } from "../migration/redis/alone.ts";
import { countBothSides, refuseUnderTraffic } from "./copy.ts";
import { refusal } from "./errors.ts";
import { openHost } from "./host.ts";
import { MOVER, type MoverCall, requireReplication, runMover } from "./mover.ts";
import type { StackOutputs } from "./outputs.ts";
import type { Report } from "./report.ts";
import type { Session } from "./session.ts";

/** Looks at both databases before anything is touched. */
export function inspect(session: Session, report: Report): Promise<Inspection> {
  return onGreen<Inspection>(session, { verb: "inspect" }, report);
}

/** Where the data is and whether it could move. */
export function dataStatus(session: Session, report: Report): Promise<DataStatus> {
  return onGreen<DataStatus>(session, { verb: "status" }, report);
}

/** Both databases row by row, and the keys of Redis where they move. */
export type DataVerification = Verification & { keys?: KeysVerification };

/** Compares both sides, the rows inside the databases. */
export function verifyData(session: Session, report: Report): Promise<DataVerification> {
  return onGreen<DataVerification>(session, { verb: "verify" }, report);
}

/** Brings a flip whose operator died to its end, as the watchdog on green does by itself. */
export function recoverData(session: Session, report: Report): Promise<unknown> {
  return onGreen(session, { verb: "recover" }, report);
}

/**
 * Brings blue's database to green and keeps it current, and its keys where they move; users write all the time. Run again it goes on
 * where it was.
 * @throws OperatorError with exit 30 while green takes traffic, has rows or keys of its own that nobody said may go, or blue has keys
 *   without a policy
 */
export async function sync(
  session: Session,
  options: { discardGreenWrites: boolean },
  report: Report,
): Promise<DataStatus> {
  requireReplication(session);
  const host = await openHost(session);
  try {
    const before = await runMover<DataStatus>(host, { verb: "status" }, report);
    if (before.state === "current" && (before.keys === undefined || before.keys.state === "following")) return before;
    await refuseUnderTraffic(session);
    const call: MoverCall = { verb: "sync", args: options.discardGreenWrites ? ["--discard"] : [] };
    if (before.state === "none") call.before = await makeRoom(session, options.discardGreenWrites, report);
    return await report.step("bringing blue's rows to green", () => runMover<DataStatus>(host, call, report));
  } finally {
    await host.close();
  }
}

/**
 * What the application made on green at its first start goes, once it works on blue's database; rows only when somebody said so.
 * @returns the lines of bash that do it
 */
async function makeRoom(session: Session, discard: boolean, report: Report): Promise<string> {
  if (!discard) {
    const { blue, green } = await report.step("looking for rows only green has", () => countBothSides(session, report));
    const ahead = rowsOnlyOnGreen(blue, green);
    if (ahead > 0)
      throw refusal(
        `green has ${ahead} row(s) that blue has not; a copy would destroy them`,
        "add --discard-green-writes when they may go",
      );
  }
  // Without its result, which would be taken for that of the whole job.
  return `${MOVER} lead | sed '/"event":"result"/d'\n${leftoversScript(session.settings.postgres.database)}`;
}

/** Takes away what a move has put on blue, as long as blue takes the writes. */
export function cleanOnGreen(session: Session, report: Report): Promise<BlueCleaned> {
  return onGreen<BlueCleaned>(session, { verb: "clean-blue" }, report);
}

/** Gives the way back up. @throws OperatorError with exit 30 unless the domain was typed */
export async function commitData(
  session: Session,
  typed: string | undefined,
  report: Report,
): Promise<{ writer: string }> {
  requireReplication(session);
  await requireDomain(session, typed, "data commit", "After this no rollback brings the data back.");
  return onGreen<{ writer: string }>(session, { verb: "commit" }, report);
}

/**
 * For what cannot be undone.
 * @param typed the domain, where it stood on the command line
 * @throws OperatorError with exit 30 unless the domain was typed, here or there
 */
export async function requireDomain(
  session: Session,
  typed: string | undefined,
  verb: string,
  warning: string,
): Promise<void> {
  const { domain } = session.settings;
  if (typed === undefined && !process.stdin.isTTY)
    throw refusal(`${warning} There is no terminal to ask`, `add --confirm ${domain}`);
  const message = `${warning} Type ${domain} to go on:`;
  const said = typed ?? (await input({ message }, { output: process.stderr }));
  if (said !== domain)
    throw refusal(
      `'${said}' is not ${domain}; nothing was changed`,
      `bascule ${verb} --stack ${session.stack.name} --confirm ${domain}`,
    );
}

/** What a move of the weight says of the data. */
export interface DataMove {
  freezeMs: number;
  lines?: FlipResult["lines"];
  proof?: FlipResult["proof"];
  /** Of the keys of Redis: how long they were held, and what was kept of the promise of each prefix. */
  keys?: FlipResult["keys"];
}

/** Moves the writes to green and waits for the proof. */
export function flipToGreen(session: Session, report: Report): Promise<DataMove> {
  const call: MoverCall = { verb: "flip", args: ["--to", "green"] };
  return report.step("the database: moving the writes to green", () => onGreen<FlipResult>(session, call, report));
}

/** Moves the writes back to blue; the proof goes on without anybody who waits for it. */
export function flipToBlue(session: Session, green: StackOutputs, report: Report): Promise<DataMove> {
  const call: MoverCall = { verb: "flip", args: ["--to", "blue"], until: "flipped" };
  const flip = () => onGreen<DataMove>(session, call, report, green);
  return report.step("the database: moving the writes back to blue", flip);
}

/** The writes alone, without traffic: for what was left in the middle. Waits for the proof. */
export function moveData(session: Session, to: string, report: Report): Promise<DataMove> {
  return onGreen<FlipResult>(session, { verb: "flip", args: ["--to", to] }, report);
}

const PATIENCE_MS = 5_000;

/** Asked of blue's servers themselves, for when green does not answer. False also where this machine cannot reach them. */
export async function blueTakesWrites(session: Session): Promise<boolean> {
  const { blueDatabaseUrl, blueRedisUrl } = session.secrets;
  if (blueDatabaseUrl === undefined) return false;
  const blue = new Database("blue", blueAccess(blueDatabaseUrl, session.settings.blue.databaseCa));
  const late = new AbortController();
  const rows = async () => (await readFence(blue)) === "open";
  const keys = async () => blueRedisUrl === undefined || takesWrites("blue", blueRedisAccess(blueRedisUrl));
  try {
    const asked = Promise.all([rows(), keys()]).then((open) => open.every(Boolean));
    return await Promise.race([asked, pause(PATIENCE_MS, false, { signal: late.signal })]);
  } catch {
    return false;
  } finally {
    late.abort();
    await blue.close();
  }
}

async function onGreen<T>(session: Session, call: MoverCall, report: Report, green?: StackOutputs): Promise<T> {
  requireReplication(session);
  const host = await openHost(session, green);
  try {
    return await runMover<T>(host, call, report);
  } finally {
    await host.close();
  }
}
