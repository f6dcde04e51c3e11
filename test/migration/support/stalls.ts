import { ok, strictEqual } from "node:assert";
import { setTimeout as pause } from "node:timers/promises";
import { FlipAborted, FlipRefused, flip } from "../../../migration/postgres/flip.ts";
import { FREEZE } from "../../../migration/postgres/lines.ts";
import { streamName } from "../../../migration/postgres/names.ts";
import { otherSide, type Side } from "../../../migration/side.ts";
import { ProcessApplier } from "./applier.ts";
import { again, type Fault, type Ground } from "./fault.ts";

const who = "the test";

/** A way that stands still without an error: nobody is told, so only time can say so. */
interface Stall {
  /** What the name of the fault says of the moment. */
  when: string;
  /** The line at whose beginning it happens; for the way back, the line that makes it. */
  line: string;
  /** Where the process is that sends: at the side that was open, or, for the way back, at the one that is to be opened. */
  at: "from" | "to";
  /** Goes on by itself after so many milliseconds; without it, once everything else was looked at. */
  lastsMs?: number;
  /** How the flip may end. */
  ends: ("refused" | "aborted" | "finished")[];
}

const STALLS: Stall[] = [
  { when: "before the flip", line: "F0", at: "from", ends: ["refused"] },
  { when: "for 300 ms in the freeze", line: "F3", at: "from", lastsMs: 300, ends: ["finished"] },
  { when: "in the freeze", line: "F3", at: "from", ends: ["aborted"] },
  // Everything has arrived then. One of our own appliers is killed, and a sender cannot be.
  { when: "when its way is ended", line: "F7", at: "from", ends: ["aborted", "finished"] },
  // Depends on whether it has sent the marker before.
  { when: "on the way back", line: "F9", at: "to", ends: ["aborted", "finished"] },
];

/** Putting back takes a moment: some thirty round trips, on a machine that others use, too. */
const PUT_BACK_MS = 6_000;
const ATTEMPTS = 5;
/** How long writes may still be answered that were under way when the freeze began. */
const STRAGGLE_MS = 500;
/** Writes that must be answered while the sender still stands still. */
const SOME = 10;

export const SENDER_STALLS: Fault[] = STALLS.map((stall) => ({
  name: `the sender stands still ${stall.when}`,
  happen: (ground) => standStill(ground, stall),
}));

/** The server process behind the slot, or the applier; it is stopped and gets no signal, so it cannot even be ended. */
async function standStill(ground: Ground, stall: Stall): Promise<void> {
  // On a busy machine a flip with a small budget may be refused before it comes to that line.
  for (let attempt = 1; !(await reached(ground, stall)); attempt += 1) ok(attempt < ATTEMPTS, "no flip came so far");
}

/** @returns whether the flip came to the line, and all of it was looked at */
async function reached(ground: Ground, { line, at, lastsMs, ends }: Stall): Promise<boolean> {
  const { pair, budgetMs } = ground;
  const from = await pair.writer();
  const to = otherSide(from);
  let stopped: number | undefined;
  let searching: Promise<void> | undefined;
  const stop = async () => {
    stopped = await senderOf(ground, at === "from" ? from : to);
    if (stopped === undefined) return;
    process.kill(stopped, "SIGSTOP");
    if (lastsMs !== undefined) setTimeout(() => goOn(stopped), lastsMs);
  };
  let held: Promise<number> | undefined;
  let came = false;
  const ended = await flip(pair.move, {
    to,
    who,
    // What goes on in time is to come to its end.
    ...(lastsMs === undefined ? { budgetMs } : {}),
    onLine: async (event) => {
      if (event.phase === "end") return;
      if (event.line === FREEZE) {
        held = heldMs(pair);
        held.catch(() => undefined);
      }
      if (event.line !== line) return;
      came = true;
      // The way back is made in that line.
      if (at === "to") searching = stop();
      else await stop();
    },
  }).then(
    () => "finished" as const,
    (error: unknown) => error,
  );
  if (!came) return false;
  try {
    await searching;
    ok(ends.includes(nameOf(ended)), `it ended with: ${ended}`);
    ok(((await held) ?? 0) < budgetMs + PUT_BACK_MS, `users were held for ${await held} ms`);
    strictEqual(await pair.writer(), ended === "finished" ? to : from);
    await pair.shoppers.progress(SOME);
  } finally {
    goOn(stopped);
  }
  await again(pair, to);
  strictEqual(await pair.writer(), to);
  return true;
}

/** From the beginning of the freeze to when writes are answered again. */
async function heldMs({ shoppers }: Ground["pair"]): Promise<number> {
  const began = performance.now();
  await pause(STRAGGLE_MS);
  await shoppers.progress(SOME);
  return performance.now() - began;
}

function nameOf(ended: unknown): Stall["ends"][number] {
  if (ended === "finished") return ended;
  if (ended instanceof FlipRefused) return "refused";
  if (ended instanceof FlipAborted) {
    strictEqual(ended.recovery.wayLost, undefined, "what carries the changes is as before");
    return "aborted";
  }
  throw ended;
}

/** How long a way may take to be made. */
const APPEARS_MS = 2_000;

/** @returns undefined where the flip ends before there is one */
async function senderOf({ pair }: Ground, side: Side): Promise<number | undefined> {
  const { applier } = pair.place;
  for (const until = performance.now() + APPEARS_MS; performance.now() < until; await pause(1)) {
    if (side === "green" && applier !== undefined) {
      const { pid } = new ProcessApplier(applier);
      if (pid !== undefined) return pid;
      continue;
    }
    const sql = "SELECT active_pid FROM pg_replication_slots WHERE slot_name = $1 AND active_pid IS NOT NULL";
    const [slot] = await pair[side].query(sql, [streamName(side)]);
    if (slot !== undefined) return Number(slot.active_pid);
  }
  return undefined;
}

function goOn(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(pid, "SIGCONT");
  } catch {
    // It was killed, as what does not end when it should.
  }
}
