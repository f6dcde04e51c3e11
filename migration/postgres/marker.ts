import { otherSide, type Side } from "../side.ts";
import { field } from "./database.ts";
import { literal, SCHEMA, streamName } from "./names.ts";
import type { Path, Sessions } from "./path.ts";
import { waitsFor } from "./session.ts";

/**
 * Makes sure that both sides have the row of a way that is about to begin, before its slot is made. What a way sends is then a change of
 * that row: after a flip that was put back, one side could have it and the other not, and no change would arrive any more. Nothing may
 * read either side's log at that moment.
 */
export async function evenMarkers(at: Sessions, from: Side): Promise<void> {
  const sql = `INSERT INTO ${SCHEMA}.marker (side, token) VALUES ($1, 'before the first') ON CONFLICT DO NOTHING`;
  await Promise.all([at.blue.query(sql, [from]), at.green.query(sql, [from])]);
}

/** How long one question for a marker waits on the server, where it costs no round trips, before who asks looks around. */
const WAIT_MS = 200;
/** How often nothing may have come before it is asked whether anything can. */
const PATIENT_ROUNDS = 5;

/** A row written on one side after everything else, and where its log ended then. */
export interface Marker {
  token: string;
  lsn: string;
}

/** The marker's table is not fenced, so that it can follow the last write of the application. */
export async function writeMarker(at: Sessions, path: Path, token: string): Promise<Marker> {
  const source = at[path.from];
  const [, row] = await Promise.all([
    insertMarker(at, path, token),
    source.one("SELECT pg_current_wal_flush_lsn() AS lsn"),
  ]);
  return { token, lsn: field(row, "lsn") };
}

/** The marker a flip writes on a closed side: where it has arrived, nothing is missing. Its place in the log is kept on that side. */
export async function writeFenceMarker(at: Sessions, path: Path, flip: string): Promise<Marker> {
  const token = fenceToken(flip);
  const sql = `UPDATE ${SCHEMA}.flip SET fenced = pg_current_wal_flush_lsn() WHERE id = $1 RETURNING fenced AS lsn`;
  const [, row] = await Promise.all([insertMarker(at, path, token), at[path.from].one(sql, [flip])]);
  return { token, lsn: field(row, "lsn") };
}

async function insertMarker(at: Sessions, path: Path, token: string): Promise<void> {
  await at[path.from].query(
    `INSERT INTO ${SCHEMA}.marker (side, token) VALUES ($1, $2)
     ON CONFLICT (side) DO UPDATE SET token = excluded.token, at = clock_timestamp()`,
    [path.from, token],
  );
}

/**
 * Waits until the other side has the marker, and has it on disk: seen alone, it could be gone after a power cut there.
 * @throws Error as soon as nothing can arrive any more
 */
export async function awaitMarker(at: Sessions, path: Path, marker: Marker, timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (let round = 1; ; round += 1) {
    const [there, onDisk] = await Promise.all([
      arrived(at, path, marker.token, WAIT_MS),
      path.holds(at, marker.lsn, WAIT_MS),
    ]);
    if (there && onDisk) return;
    if (round % PATIENT_ROUNDS === 0) {
      const trouble = await path.trouble(at);
      if (trouble !== undefined) throw new Error(trouble);
    }
    if (performance.now() > deadline)
      throw new Error(
        `what ${path.from} wrote last did not reach ${otherSide(path.from)} within ${timeoutMs} ms; ` +
          `the log of ${otherSide(path.from)}'s server says whether it is late or stuck`,
      );
  }
}

function fenceToken(flip: string): string {
  return `fence ${flip}`;
}

/** Whether the other side has the marker this flip wrote behind its fence. */
export function fenceArrived(at: Sessions, path: Path, flip: string): Promise<boolean> {
  return arrived(at, path, fenceToken(flip));
}

/**
 * Whether a way may begin at the slot that is there: the other side has the last marker of `path.from`, which was written behind a
 * fence, and the slot sends nothing of before it again. A server that lost its power may have forgotten how far it was read.
 */
export async function slotFollowsFence(at: Sessions, path: Path): Promise<boolean> {
  const [row] = await at[path.from].query(
    `SELECT m.token FROM ${SCHEMA}.marker m JOIN ${SCHEMA}.flip f ON m.token = $2::text || f.id
     JOIN pg_replication_slots s ON s.confirmed_flush_lsn >= f.fenced AND s.wal_status <> 'lost'
     WHERE m.side = $1 AND s.slot_name = $3`,
    [path.from, fenceToken(""), streamName(path.from)],
  );
  return row !== undefined && (await arrived(at, path, field(row, "token")));
}

async function arrived(at: Sessions, path: Path, token: string, waitMs = 0): Promise<boolean> {
  const receiver = at[otherSide(path.from)];
  const row = `FROM ${SCHEMA}.marker WHERE side = '${path.from}' AND token = ${literal(token)}`;
  return (await receiver.script(`${waitsFor(`EXISTS (SELECT ${row})`, waitMs)}; SELECT ${row}`)).length > 0;
}
