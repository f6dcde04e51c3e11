import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { age } from "../../files.ts";
import { FlipRefused } from "../../postgres/flip.ts";
import { compareInUse } from "../../redis/compare.ts";
import { countKeys, type KeyCount, sayUndeclared } from "../../redis/count.ts";
import { findForeignKeys } from "../../redis/records.ts";
import { showKey } from "../../redis/reply.ts";
import type { Side } from "../../side.ts";
import type { Keys } from "./configuration.ts";
import { atBoth } from "./ground.ts";
import { writerOf } from "./keeper.ts";
import type { KeysNote, KeysSwitch, KeysWish } from "./mailbox.ts";

const POLL_MS = 20;
/** A service that says nothing for so long hangs or is gone. */
const SILENCE_MS = 15_000;
const SILENT = "the mover's service does not answer: see 'systemctl status bascule-mover' on green";
/** What cannot be reached for so long will not come by itself. */
const PATIENCE_MS = 3_000;
/** How long a switch waits for queues to be empty; users wait for a rollback. */
const DRAIN_MS: Record<Side, number> = { green: 60_000, blue: 10_000 };
/** The service says once a second how it is, and hears of both servers more often. */
const FRESH_MS = 2_000;
/** How long it may take to be current again. */
const FOLLOW_MS = 60_000;
/** Of a verification. */
const VERIFY_MS = 120_000;

/** A switch of the keys as the verbs tell it; `undefined` where no keys move. */
export type KeysMoved = KeysSwitch & { lines: KeysNote["lines"] };

/**
 * Looks whether the keys could be brought to green, before anything is done about the rows.
 * @param discard whether keys may go that only green has
 * @throws FlipRefused naming keys without a policy, with their number, and keys of green's own
 */
export async function requireKeysReady(keys: Keys, discard: boolean): Promise<void> {
  await atBoth(keys, async (at) => {
    const { policies } = keys.move;
    requireDeclared("blue", await countKeys(at.blue, policies));
    const foreign = await findForeignKeys({ ...at, policies });
    if (foreign.count > 0 && !discard)
      throw new FlipRefused(
        `green holds ${foreign.count} keys that blue need not have, such as ${foreign.first.map(showKey).join(", ")}; add --discard-green-writes when they may go`,
      );
  });
}

function requireDeclared(side: Side, { undeclared }: KeyCount): void {
  const said = sayUndeclared(undeclared);
  if (said === undefined) return;
  const [first] = undeclared;
  throw new FlipRefused(
    `${side}: ${said}. Declare each: pulumi config set --path 'bascule:redis.move[${first?.begin}]' copy|drain|drop, then pulumi up`,
  );
}

/** Brings the keys to the other side and keeps them coming. @throws Error with what the service cannot get past */
export async function followKeys(keys: Keys, discard: boolean): Promise<void> {
  const { mailbox } = keys;
  const before = mailbox.wish;
  const isThere = (before.do === "follow" || before.do === "switch") && mailbox.note?.answered === before.id;
  const wish: KeysWish = isThere ? before : { id: randomUUID(), do: "follow", discard };
  if (!isThere) mailbox.wish = wish;
  try {
    await until(keys, wish, ({ answered, state }) => answered === wish.id && state === "following", tellProgress(keys));
  } catch (error) {
    // What never began is not tried for ever behind the operator's back.
    if (!isThere && mailbox.wish.id === wish.id)
      mailbox.wish = before.do === "follow" || before.do === "switch" ? goOn() : { id: randomUUID(), do: "rest" };
    throw error;
  }
}

/** In place of a wish that nobody waits for any more. */
const goOn = (): KeysWish => ({ id: randomUUID(), do: "follow", discard: false });

/**
 * Before the rows move: whether the keys could follow them.
 * @param drainMs how long queues may take to be empty
 * @throws FlipRefused where the other side has not everything, a key has no policy, or a queue is not empty in time
 */
export async function requireKeysFollow(keys: Keys, to: Side, drainMs = DRAIN_MS[to]): Promise<void> {
  const { note, wish } = keys.mailbox;
  const writer = writerOf(note);
  if (writer === to) return;
  if (wish.do === "rest" || wish.do === "commit" || note === undefined)
    throw new FlipRefused("the keys were not brought to green yet: bascule sync");
  requireRelay(keys);
  const { progress } = await requireFollowing(keys, to);
  if ((progress?.troubles ?? 0) > 0)
    throw new FlipRefused(`${progress?.troubles} keys cannot be carried to ${to}: bascule inspect names them`);
  let told = false;
  for (const deadline = Date.now() + drainMs; ; await pause(500)) {
    const count = await atBoth(keys, (at) => countKeys(at[writer], keys.move.policies));
    requireDeclared(writer, count);
    const left = count.declared.filter((rule) => rule.policy === "drain" && rule.keys > 0);
    if (left.length === 0) return;
    const named = left.map((rule) => `${rule.keys} of ${JSON.stringify(rule.prefix)}`).join(", ");
    if (Date.now() > deadline)
      throw new FlipRefused(
        `keys to be drained are left on ${writer}: ${named}; stop the producers, let the workers empty them, then run it again`,
      );
    if (!told) keys.say({ event: "step", what: `waiting for queues to be empty: ${named}` });
    told = true;
  }
}

/** @throws FlipRefused where its clients could not be kept waiting */
function requireRelay({ relay }: Keys): void {
  try {
    relay.requireAnswering();
  } catch (error) {
    throw new FlipRefused(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/** Both servers took part in what it says of them. */
function isFollowing({ state, heard = 0 }: KeysNote): boolean {
  return state === "following" && age({ at: heard }) < FRESH_MS;
}

/** A service that was begun anew looks at every key once more, which is worth some waiting. */
async function requireFollowing(keys: Keys, to: Side): Promise<KeysNote> {
  const { mailbox } = keys;
  const { note: said } = mailbox;
  // As the service said just now; a rollback need not wait for its next word.
  if (said !== undefined && age(said) < FRESH_MS && isFollowing(said)) return said;
  const late = performance.now() + FOLLOW_MS;
  const isOver = (note: KeysNote) => isFollowing(note) || performance.now() > late;
  try {
    const note = await until(keys, mailbox.wish, isOver, tellProgress(keys));
    if (isFollowing(note)) return note;
    throw new Error(`it has looked at ${note.progress?.keys.done ?? 0} keys so far`);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new FlipRefused(`the keys of ${to} are not current (${why}): bascule data status`, { cause: error });
  }
}

/** Moves the keys to a side, by the service; where they are there already, all is well. */
export async function moveKeys(
  keys: Pick<Keys, "mailbox" | "say">,
  to: Side,
  budgetMs: number,
): Promise<KeysMoved | undefined> {
  const { mailbox } = keys;
  const { note: said, wish: before } = mailbox;
  // What the note says is certain only while the service is at work; and a switch that was asked for and not made yet may come.
  const isCertain = said === undefined || said.state === "following" || said.state === "resting";
  const isAsked = before.do === "switch" && before.id !== said?.answered;
  if (writerOf(said) === to && isCertain && !isAsked) return undefined;
  const wish: KeysWish = { id: randomUUID(), do: "switch", to, budgetMs, drainMs: DRAIN_MS[to] };
  mailbox.wish = wish;
  let note: KeysNote;
  try {
    note = await until(keys, wish, ({ answered }) => answered === wish.id, tellLines(keys, wish.id));
  } catch (error) {
    // Obeyed later it would part the keys from the rows.
    if (mailbox.wish.id === wish.id) mailbox.wish = goOn();
    throw error;
  }
  if (note.refused !== undefined) throw refusalOf(note.refused);
  const [made] = note.switches;
  return made === undefined || note.began !== wish.id ? undefined : { ...made, lines: note.lines };
}

/** Gives the way back up for good. */
export async function commitKeys(keys: Pick<Keys, "mailbox">): Promise<void> {
  const { mailbox } = keys;
  const before = mailbox.wish;
  if (before.do === "rest" || (before.do === "commit" && mailbox.note?.answered === before.id)) return;
  const wish: KeysWish = before.do === "commit" ? before : { id: randomUUID(), do: "commit" };
  if (wish !== before) mailbox.wish = wish;
  await until(
    keys,
    wish,
    ({ answered }) => answered === wish.id,
    () => undefined,
  );
}

/** What a comparison of the keys said. */
export interface KeysVerification {
  /** Every key to copy was looked at, and none differs; keys that are `changing` are carried, and more cannot be said of them now. */
  equal: boolean;
  complete: boolean;
  keys: number;
  /** Of them, written so often that they could not be looked at on both sides at one moment. */
  changing: number;
  seconds: number;
  differences: string[];
}

/** Compares the keys to copy of both sides, with users on them: within two minutes, or it says that it was not complete. */
export function verifyKeys(keys: Keys): Promise<KeysVerification> {
  const writer = writerOf(keys.mailbox.note);
  const began = performance.now();
  return atBoth(keys, async ({ blue, green }) => {
    const [from, to] = writer === "blue" ? [blue, green] : [green, blue];
    const found = await compareInUse(from, to, keys.move.policies, { deadline: Date.now() + VERIFY_MS });
    return {
      equal: found.complete && found.differences.length === 0,
      complete: found.complete,
      keys: found.keys,
      changing: found.changing,
      seconds: Math.round((performance.now() - began) / 100) / 10,
      differences: found.differences.map(({ key, what }) => `${showKey(key)} ${what}`),
    };
  });
}

function refusalOf({ kind, message }: NonNullable<KeysNote["refused"]>): Error {
  const said = `the keys: ${message}`;
  return kind === "refused" ? new FlipRefused(said) : new Error(said);
}

/** Waits for the service. @throws Error where it does not answer, or cannot get past something, or somebody wished for something else */
async function until(
  { mailbox }: Pick<Keys, "mailbox">,
  wish: KeysWish,
  holds: (note: KeysNote) => boolean,
  tell: (note: KeysNote) => void,
): Promise<KeysNote> {
  // By what differs and by time that only grows: clocks are set.
  const before = mailbox.note?.at;
  let [last, spoke, waits] = [before, performance.now(), 0];
  for (; ; await pause(POLL_MS)) {
    const { note } = mailbox;
    const now = performance.now();
    if (mailbox.wish.id !== wish.id) throw new FlipRefused("somebody else has asked for something else meanwhile");
    if (note?.at !== last) [last, spoke] = [note?.at, now];
    if (note !== undefined && note.at !== before) {
      tell(note);
      if (holds(note)) return note;
      waits = note.state === "waiting" ? waits || now : 0;
      if (waits > 0 && now - waits > PATIENCE_MS) throw new Error(`the keys: ${note.why ?? "it waits"}`);
    }
    if (now - spoke > SILENCE_MS) throw new Error(SILENT);
  }
}

function tellProgress({ say }: Keys): (note: KeysNote) => void {
  let told = 0;
  return ({ progress, state }) => {
    if (progress === undefined || state !== "copying" || Date.now() - told < 2_000) return;
    told = Date.now();
    const { keys, bytes, secondsLeft } = progress;
    say({
      event: "progress",
      what: `${keys.done} of ${keys.all} keys, ${bytes} bytes carried`,
      share: keys.all === 0 ? 1 : Math.min(1, keys.done / keys.all),
      ...(secondsLeft === undefined ? {} : { secondsLeft }),
    });
  };
}

function tellLines({ say }: Pick<Keys, "say">, id: string): (note: KeysNote) => void {
  let told = 0;
  return ({ lines, began }) => {
    if (began !== id) return;
    for (const { line, what, ms } of lines.slice(told)) say({ event: "line", line, what, ms });
    told = Math.max(told, lines.length);
  };
}
