import { age } from "../../files.ts";
import { countKeys, type KeyCount } from "../../redis/count.ts";
import { plannedPromises } from "../../redis/promise.ts";
import type { Side } from "../../side.ts";
import type { Keys } from "./configuration.ts";
import { atBoth } from "./ground.ts";
import { writerOf } from "./keeper.ts";
import type { KeysNote, KeysSwitch } from "./mailbox.ts";

/** Where the keys of Redis are, and whether they could move. */
export interface KeysStatus {
  /** `none`: nothing was brought yet. `waiting`: it cannot go on by now; `why` says more. `gone`: the service does not answer. */
  state: "none" | "gone" | Exclude<KeysNote["state"], "resting">;
  /** Who has the keys. */
  writer: Side;
  /** Where the application on green asks for them. */
  relay: Side;
  /** What the other side has not got yet: keys, of those that were noted; seconds since both servers were last heard of. */
  lag: { keys: number; seconds: number } | null;
  /** Keys of the writer by their prefix, counted just now; null where it does not answer. */
  count: KeyCount | null;
  /** Keys whose value cannot be carried. */
  troubles: number;
  /** Newest first. */
  switches: Omit<KeysSwitch, "promises">[];
  /** What is promised for each prefix. */
  promises: string[];
  why?: string;
}

/** Counting ends after so long, and says so. */
const COUNT_MS = 3_000;
const SILENCE_MS = 15_000;

export async function keysStatus(keys: Keys): Promise<KeysStatus> {
  const { mailbox, relay, move } = keys;
  const { note, wish } = mailbox;
  const writer = writerOf(note);
  const seconds = Math.round(age({ at: note?.heard ?? 0 }) / 100) / 10;
  const counted = await atBoth(keys, (at) => countKeys(at[writer], move.policies, Date.now() + COUNT_MS)).catch(
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
  const isGone = note === undefined || age(note) > SILENCE_MS;
  const state = wish.do === "rest" || wish.do === "commit" ? "none" : isGone ? "gone" : stateOf(note);
  const why = [note?.why, typeof counted === "string" && counted !== note?.why ? counted : undefined];
  const said = state === "none" ? "" : why.filter((text) => text !== undefined).join("; ");
  return {
    state,
    writer,
    relay: relay.side,
    lag: note?.progress === undefined || state === "none" ? null : { keys: note.progress.dirty, seconds },
    count: typeof counted === "string" ? null : counted,
    troubles: note?.progress?.troubles ?? 0,
    switches: (note?.switches ?? []).map(({ promises: _promises, ...made }) => made),
    promises: plannedPromises(move.policies),
    ...(said === "" ? {} : { why: said }),
  };
}

function stateOf(note: KeysNote | undefined): KeysStatus["state"] {
  return note === undefined || note.state === "resting" ? "copying" : note.state;
}
