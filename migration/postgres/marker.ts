import { setTimeout as pause } from "node:timers/promises";
import { otherSide } from "../side.ts";
import { field } from "./database.ts";
import { SCHEMA } from "./names.ts";
import type { Path, Sessions } from "./path.ts";

/** A row written on one side after everything else, and where its log ended then. */
export interface Marker {
  token: string;
  lsn: string;
}

/** The marker's table is not fenced, so that it can follow the last write of the application. */
export async function writeMarker(at: Sessions, path: Path, token: string): Promise<Marker> {
  const from = at[path.from];
  await from.query(
    `INSERT INTO ${SCHEMA}.marker (side, token) VALUES ($1, $2)
     ON CONFLICT (side) DO UPDATE SET token = excluded.token, at = clock_timestamp()`,
    [path.from, token],
  );
  const row = await from.one("SELECT pg_current_wal_flush_lsn() AS lsn");
  return { token, lsn: field(row, "lsn") };
}

/**
 * Waits until the other side has the marker, and has it on disk: seen alone, it could be gone after a power cut there.
 * @throws Error as soon as nothing can arrive any more
 */
export async function awaitMarker(at: Sessions, path: Path, marker: Marker, timeoutMs: number): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (let round = 0; ; round += 1) {
    if ((await arrived(at, path, marker.token)) && (await path.holds(at, marker.lsn))) return;
    if (round % 50 === 49) {
      const trouble = await path.trouble(at);
      if (trouble !== undefined) throw new Error(trouble);
    }
    if (Date.now() > deadline)
      throw new Error(
        `what ${path.from} wrote last did not reach ${otherSide(path.from)} within ${timeoutMs} ms; ` +
          `the log of ${otherSide(path.from)}'s server says whether it is late or stuck`,
      );
    await pause(Math.min(1 + round, 20));
  }
}

/** Of the marker a flip writes behind its fence: where it has arrived, nothing is missing. */
export function fenceToken(flip: string): string {
  return `fence ${flip}`;
}

/** Whether a marker was the last one of `path.from`, was written behind a fence, and is on the other side. */
export async function fenceArrived(at: Sessions, path: Path): Promise<boolean> {
  const [row] = await at[path.from].query(`SELECT token FROM ${SCHEMA}.marker WHERE side = $1`, [path.from]);
  const token = row?.token ?? "";
  return token.startsWith(fenceToken("")) && (await arrived(at, path, token));
}

/** Whether the other side has the marker with this token. */
export async function arrived(at: Sessions, path: Path, token: string): Promise<boolean> {
  const sql = `SELECT token FROM ${SCHEMA}.marker WHERE side = $1`;
  const [row] = await at[otherSide(path.from)].query(sql, [path.from]);
  return row?.token === token;
}
