import { type Cleaned, cleanBlueAlone, cleanSide } from "../postgres/clean.ts";
import { Database } from "../postgres/database.ts";
import { FlipRefused } from "../postgres/flip.ts";
import { takeLease } from "../postgres/lock.ts";
import { streamName } from "../postgres/names.ts";
import { lastSwitch } from "../postgres/records.ts";
import type { Configuration } from "./configuration.ts";
import { hasTable } from "./synchronise.ts";

/** What became of blue: cleaned, or left closed on purpose, as green has the writes for good. */
export type BlueCleaned = ({ blue: "cleaned" } & Cleaned) | { blue: "kept"; why: string };

/**
 * Takes away what a move has put on blue, and its records on green; rows stay on both sides. Before the end of green's server, or for a
 * move that is given up before it came to its end.
 * @throws FlipRefused while green takes the writes and the way back was not given up
 */
export async function cleanBlue({ access, move, mailbox }: Configuration, who: string): Promise<BlueCleaned> {
  const look = { blue: new Database("blue", access.blue), green: new Database("green", access.green) };
  try {
    if (!(await hasTable(look.green, "switch")) || !(await hasTable(look.blue, "switch")))
      return { blue: "cleaned", ...(await cleanBlueAlone(access.blue, who)) };
  } finally {
    await Promise.all([look.blue.close(), look.green.close()]);
  }
  const lease = await takeLease(access, { who });
  try {
    const { writer } = await lastSwitch(lease.at);
    if (writer === "green") {
      await requireGivenUp(lease.at.green);
      return {
        blue: "kept",
        why: "green has the writes for good, so blue's tables stay closed; nothing of ours costs blue anything",
      };
    }
    await move.paths.blue.stop(lease.at);
    mailbox.pushes = false;
    const cleaned = await cleanSide(lease.at.blue);
    await cleanSide(lease.at.green);
    return { blue: "cleaned", ...cleaned };
  } finally {
    await lease.release();
  }
}

/** A way back that stands has a slot on green. */
async function requireGivenUp(green: Database): Promise<void> {
  const way = await green.query("SELECT FROM pg_replication_slots WHERE slot_name = $1", [streamName("green")]);
  if (way.length === 0) return;
  throw new FlipRefused(
    "green takes the writes, and blue's database waits for them to come back. Bring them back: bascule rollback; or give the way back up for good: bascule data commit",
  );
}
