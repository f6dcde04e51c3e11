import { setTimeout as pause } from "node:timers/promises";
import { field } from "../../../migration/postgres/database.ts";
import { unfence } from "../../../migration/postgres/fence.ts";
import { type Flip, LINES, type Line } from "../../../migration/postgres/lines.ts";
import { recordSwitch } from "../../../migration/postgres/records.ts";
import { ensureSlot } from "../../../migration/postgres/stream.ts";

/** The lines of a flip with one mistake in them, each of which somebody has made in earnest. */
export interface Mutation {
  what: string;
  /** What the checker has to say of it. */
  finds: RegExp;
  lines: readonly Line[];
}

const replaced = (name: string, run: Line["run"]) =>
  LINES.map((line) => (line.name === name ? { ...line, run } : line));
const without = (name: string) => LINES.filter((line) => line.name !== name);

function line(name: string): Line {
  const found = LINES.find((one) => one.name === name);
  if (found === undefined) throw new Error(`there is no line ${name}`);
  return found;
}

/** Lag as it is often taken: what has been sent counts as there. */
async function waitForSent({ lease, from }: Flip): Promise<void> {
  const sql =
    "SELECT coalesce(bool_and(sent_lsn >= pg_current_wal_flush_lsn()), false)::text AS sent FROM pg_stat_replication";
  while (field(await lease.at[from].one(sql), "sent") !== "true") await pause(5);
}

/** A role that may only read, and the end of its sessions: superusers, other roles and any SET go on writing. */
async function bindOneRole({ lease, from }: Flip): Promise<void> {
  await lease.at[from].query("ALTER ROLE appuser SET default_transaction_read_only = on");
  await lease.at[from].query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'appuser'");
}

/** {@link bindOneRole} leaves the other side's triggers open, which the real line would refuse to go on with. */
async function openAnyway({ lease, to, catalog }: Flip): Promise<void> {
  const { epoch } = lease;
  await unfence(lease.at[to], catalog.tables, { epoch, lockTimeoutMs: 3_000 }, recordSwitch(99, epoch, to));
}

/** The way back begins while the way there still runs: what arrives is sent back. */
function slotBeforeDrop(): readonly Line[] {
  const slot = { ...line("F8"), run: ({ lease, to }: Flip) => ensureSlot(lease.at, to) };
  const early = [slot, { ...line("F9"), run: ({ move, lease, to }: Flip) => move.paths[to].start(lease.at) }];
  const rest = LINES.filter(({ name }) => name !== "F8" && name !== "F9");
  return rest.flatMap((one) => (one.name === "F3" ? [...early, one] : [one]));
}

/**
 * The order of a switch by `default_transaction_read_only`, as pg_easy_replicate goes: nobody is held, one role is bound, lag is what was
 * not yet sent, sequences are set, the other side is opened, and there is no way back.
 */
export const READ_ONLY_SWITCH: readonly Line[] = [
  line("F0"),
  { ...line("F1"), run: async () => {} },
  { ...line("F2"), run: bindOneRole },
  { ...line("F3"), run: waitForSent },
  line("F6"),
  line("F7"),
  { ...line("F10"), run: openAnyway },
  line("F11"),
];

export const MUTATIONS: Mutation[] = [
  { what: "nobody waits for the marker", finds: /\d+ lost/, lines: without("F3") },
  { what: "what was sent counts as arrived", finds: /\d+ lost/, lines: replaced("F3", waitForSent) },
  { what: "sequences stay where they were", finds: /identity do not add up/, lines: without("F6") },
  { what: "the slot of the way back is made before the way there has ended", finds: /ledger/, lines: slotBeforeDrop() },
  {
    what: "the fence binds one role",
    finds: /\d+ lost/,
    lines: replaced("F2", bindOneRole).map((one) => (one.name === "F10" ? { ...one, run: openAnyway } : one)),
  },
];
