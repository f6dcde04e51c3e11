import { Database, field, type Row } from "../postgres/database.ts";
import { type FenceState, readFence } from "../postgres/fence.ts";
import { SCHEMA, streamName } from "../postgres/names.ts";
import type { Sessions } from "../postgres/path.ts";
import { lastSwitch, openFlip } from "../postgres/records.ts";
import { otherSide, type Side } from "../side.ts";
import type { Configuration } from "./configuration.ts";
import { type KeysStatus, keysStatus } from "./keys/status.ts";
import { type Proof, readProof } from "./proof.ts";
import { pointedWriter } from "./writer-link.ts";

/** Where the data is, and whether it could move. */
export interface DataStatus {
  /** `none`: nothing was copied yet. `current`: the other side has everything but the lag. `stale`: it has not; `why` says more. */
  state: "none" | "copying" | "current" | "stale" | "flipping";
  /** Who takes the writes. */
  writer: Side;
  /** Where the application's statements on green go. */
  pool: Side;
  fences: Record<Side, FenceState>;
  /** What the other side has not got yet. */
  lag: { bytes: number; seconds: number } | null;
  /** Whether the writer's server keeps its log for the other side, and for how many more bytes; null: without an end. */
  slot: { status: string; safeBytes: number | null } | null;
  /** Of one question from green's server to blue's database. */
  roundTripMs: number;
  wayBack: WayBack;
  flips: { to: Side; at: string; outcome: string; freezeMs: number }[];
  proof: Proof | null;
  /** Of the keys of Redis, where they move. */
  keys?: KeysStatus;
  why?: string;
}

/** What a write is worth that green has answered. */
export interface WayBack {
  /** What is asked for: `bascule:data.wayBack`. */
  set: "asynchronous" | "synchronous";
  /**
   * `resting`: green does not take the writes. `asynchronous`: green has it. `synchronous`: blue has it, too. `degraded`: it should, and
   * blue may not have it; `why` says more.
   */
  state: "resting" | "asynchronous" | "synchronous" | "degraded";
  /** Since when, by green's clock; null where nothing is waited for. */
  since: string | null;
  why?: string;
}

const COPIED = `SELECT (to_regclass('${SCHEMA}.copy') IS NOT NULL)::text AS begun, (to_regclass('${SCHEMA}.switch') IS NOT NULL)::text AS ready`;

export async function dataStatus(configuration: Configuration): Promise<DataStatus> {
  const { access, folder, keys } = configuration;
  const at = { blue: new Database("blue", access.blue), green: new Database("green", access.green) };
  try {
    const roundTripMs = await roundTrip(at.blue);
    return {
      ...(await rowsStatus(configuration, at)),
      pool: pointedWriter(folder),
      roundTripMs,
      proof: readProof(folder),
      ...(keys === undefined ? {} : { keys: await keysStatus(keys) }),
    };
  } finally {
    await Promise.all([at.blue.close(), at.green.close()]);
  }
}

/** What the two databases say of the move. */
export type RowsStatus = Omit<DataStatus, "pool" | "roundTripMs" | "proof" | "keys">;

export async function rowsStatus(configuration: Configuration, at: Sessions): Promise<RowsStatus> {
  const begun = await at.green.one(COPIED);
  if (field(begun, "ready") === "true" && field(await at.blue.one(COPIED), "ready") === "true")
    return await ofMove(configuration, at);
  return {
    state: begun.begun === "true" ? "copying" : "none",
    writer: "blue",
    wayBack: wayBackOf(configuration, "blue"),
    lag: null,
    slot: null,
    flips: [],
    fences: { blue: "open", green: "open" },
  };
}

async function ofMove(configuration: Configuration, at: Sessions): Promise<RowsStatus> {
  const { move, mailbox } = configuration;
  const { writer } = await lastSwitch(at);
  const flip = (await openFlip(at.blue)) ?? (await openFlip(at.green));
  const [copy] = await at.green.query(`SELECT (ended IS NOT NULL)::text AS ended FROM ${SCHEMA}.copy`);
  const trouble = await move.paths[writer].trouble(at);
  const state = flip !== undefined ? "flipping" : copy?.ended !== "true" ? "copying" : trouble ? "stale" : "current";
  const note = mailbox.note?.recovered;
  const why = [trouble, note].filter((text) => text !== undefined).join("; ");
  return {
    state,
    writer,
    fences: { blue: await readFence(at.blue), green: await readFence(at.green) },
    ...(await slotOf(at[writer], mailbox.wish.carry ? (mailbox.note?.lag.seconds ?? 0) : await behind(at))),
    wayBack: wayBackOf(configuration, writer),
    flips: (await at.green.query(FLIPS)).map(asFlip),
    ...(why === "" ? {} : { why }),
  };
}

function wayBackOf({ move, waiting }: Configuration, writer: Side): WayBack {
  const set = move.synchronous === undefined ? "asynchronous" : "synchronous";
  if (writer === "blue") return { set, state: "resting", since: null };
  if (set === "asynchronous") return { set, state: set, since: null };
  const { synchrony } = waiting;
  // Before the service has looked for the first time, and while it is being made certain, nothing is promised.
  if (synchrony === undefined) return { set, state: "degraded", since: null, why: "the mover has not begun it yet" };
  const { state, since, why } = synchrony;
  return { set, state: state === "beginning" ? "degraded" : state, since, ...(why === undefined ? {} : { why }) };
}

async function roundTrip(database: Database): Promise<number> {
  await database.query("SELECT");
  const began = performance.now();
  for (let round = 0; round < 5; round += 1) await database.query("SELECT");
  return Math.round(((performance.now() - began) / 5) * 100) / 100;
}

async function slotOf(writer: Database, seconds: number): Promise<Pick<DataStatus, "lag" | "slot">> {
  const [slot] = await writer.query(
    `SELECT pg_wal_lsn_diff(pg_current_wal_flush_lsn(), confirmed_flush_lsn) AS bytes, wal_status, safe_wal_size
     FROM pg_replication_slots WHERE slot_name = $1`,
    [streamName(writer.side)],
  );
  if (slot === undefined) return { lag: null, slot: null };
  const bytes = Math.max(0, Number(slot.bytes));
  const safe = slot.safe_wal_size ?? null;
  return {
    lag: { bytes, seconds: bytes === 0 ? 0 : Math.round(seconds * 10) / 10 },
    slot: { status: slot.wal_status ?? "unknown", safeBytes: safe === null ? null : Number(safe) },
  };
}

/** Seconds since green last had everything it was sent. It was dated by blue's clock then, and green's may say something else. */
async function behind({ blue, green }: Sessions): Promise<number> {
  const [row] = await green.query(
    "SELECT extract(epoch FROM max(latest_end_time)) AS at FROM pg_stat_subscription WHERE subname = $1 AND relid IS NULL",
    [streamName("blue")],
  );
  if (typeof row?.at !== "string") return 0;
  const { seconds } = await blue.one("SELECT extract(epoch FROM clock_timestamp()) - $1::numeric AS seconds", [row.at]);
  return Number(seconds);
}

const FLIPS = `SELECT target, began, coalesce(outcome, 'under way') AS outcome, coalesce(lines, '[]') AS lines
  FROM ${SCHEMA}.flip ORDER BY epoch DESC LIMIT 20`;

/** The lines from the first statement held to the last one let go. */
const HELD = ["F1", "F2", "F3", "F4", "F5", "F6", "F7", "F8", "F9", "F10", "F11"];

function asFlip(row: Row): DataStatus["flips"][number] {
  const lines = JSON.parse(field(row, "lines")) as { line: string; ms: number }[];
  const freezeMs = lines.filter(({ line }) => HELD.includes(line)).reduce((sum, { ms }) => sum + ms, 0);
  const to: Side = row.target === "blue" ? "blue" : otherSide("blue");
  return { to, at: field(row, "began"), outcome: field(row, "outcome"), freezeMs: Math.round(freezeMs * 10) / 10 };
}
