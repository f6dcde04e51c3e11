import { type Access, Database, field } from "../postgres/database.ts";
import { FlipRefused } from "../postgres/flip.ts";
import { prepareMove } from "../postgres/move.ts";
import { SCHEMA } from "../postgres/names.ts";
import { lastSwitch } from "../postgres/records.ts";
import { slotTrouble, subscribed, subscriptionRefusal } from "../postgres/stream.ts";
import { type SyncStatus, sync } from "../postgres/sync/sync.ts";
import { type Configuration, pushedBy } from "./configuration.ts";
import type { Mailbox } from "./mailbox.ts";
import { say } from "./output.ts";

/**
 * Brings blue's rows to green and keeps them coming, then sends the application's statements on green to blue, where the writes are
 * until a flip. Run again it goes on where it was; where the way to green was lost, it takes the rows anew.
 */
export async function synchronise({ access, move, role, mailbox }: Configuration, who: string): Promise<void> {
  const at = { blue: new Database("blue", access.blue), green: new Database("green", access.green) };
  try {
    await refuseOntoWriter(at);
    await beginAnewWhereLost({ move, at });
    await chooseWay(at, access.blue, mailbox);
    await sync({
      ...at,
      greenToBlue: access.blue,
      pushed: mailbox.pushes ? pushedBy(mailbox, "blue") : undefined,
      role,
      prepared: async () => {
        await prepareMove(move, who);
      },
      tell: tellChanges(),
    });
    await lead({ move });
  } finally {
    await Promise.all([at.blue.close(), at.green.close()]);
  }
}

/**
 * Sends the application's statements on green to blue before anything of its own is taken from under it there.
 * @throws FlipRefused where green takes the writes
 */
export async function leadToBlue({ access, move }: Configuration): Promise<void> {
  const at = { blue: new Database("blue", access.blue), green: new Database("green", access.green) };
  try {
    await refuseOntoWriter(at);
    await lead({ move });
  } finally {
    await Promise.all([at.blue.close(), at.green.close()]);
  }
}

async function lead({ move }: Pick<Configuration, "move">): Promise<void> {
  await move.pooler.point("blue");
  await move.pooler.resume();
}

/**
 * The servers carry blue's changes themselves where they can; that is tried each time there is nothing yet to carry, and kept while there
 * is.
 */
async function chooseWay(at: Both, greenToBlue: Access, mailbox: Mailbox): Promise<void> {
  if (await subscribed(at.green, "blue")) return;
  if (mailbox.pushes && (await slotTrouble(at.blue)) === undefined) return;
  const refusal = await subscriptionRefusal(at.green, greenToBlue);
  if (refusal === undefined) {
    if (mailbox.pushes) await pushedBy(mailbox, "blue").stop(at);
    mailbox.pushes = false;
    return;
  }
  mailbox.pushes = true;
  say({ event: "step", what: `green's server cannot subscribe, so the mover brings everything: ${refusal}` });
}

interface Both {
  blue: Database;
  green: Database;
}

/** @throws FlipRefused where green takes the writes: its rows are then the ones that count */
async function refuseOntoWriter(at: Both): Promise<void> {
  if (!(await hasTable(at.green, "switch")) || !(await hasTable(at.blue, "switch"))) return;
  if ((await lastSwitch(at)).writer === "green")
    throw new FlipRefused("green takes the writes; a copy would overwrite them. Go back first: bascule rollback");
}

/** Green's rows are copies of blue's while blue takes the writes, so a way that was lost costs time and nothing else. */
async function beginAnewWhereLost({ move, at }: Pick<Configuration, "move"> & { at: Both }): Promise<void> {
  if (!(await hasTable(at.green, "copy"))) return;
  const [done] = await at.green.query(`SELECT FROM ${SCHEMA}.copy WHERE ended IS NOT NULL`);
  if (done === undefined) return;
  const trouble = await move.paths.blue.trouble(at);
  if (trouble === undefined) return;
  say({ event: "step", what: `the rows are taken anew, as green is not current: ${trouble}` });
  await at.green.query(`UPDATE ${SCHEMA}.copy SET rows_ready = NULL, ended = NULL`);
}

/** Whether a side has one of our own tables. */
export async function hasTable(database: Database, name: string): Promise<boolean> {
  const row = await database.one(`SELECT (to_regclass('${SCHEMA}.${name}') IS NOT NULL)::text AS there`);
  return field(row, "there") === "true";
}

/** A copy asks four times a second; a log of it is wanted about once in two, and whenever something else begins. */
function tellChanges(): (status: SyncStatus) => void {
  let step = "";
  let told = 0;
  return ({ step: now, progress, secondsLeft, statements }) => {
    if (now !== step) say({ event: "step", what: now });
    else if (Date.now() - told < 2_000) return;
    step = now;
    told = Date.now();
    if (progress !== undefined) {
      const { bytes, tables, lagBytes } = progress;
      say({
        event: "progress",
        what: `${tables.done} of ${tables.all} tables, ${bytes.done} of ${bytes.all} bytes, ${lagBytes} bytes behind`,
        share: bytes.all === 0 ? 1 : bytes.done / bytes.all,
        ...(secondsLeft === undefined ? {} : { secondsLeft }),
      });
    }
    if (statements !== undefined)
      say({
        event: "progress",
        what: `${statements.done} of ${statements.all} ${now}`,
        share: statements.done / statements.all,
      });
  };
}
