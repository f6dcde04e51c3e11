import { setTimeout as pause } from "node:timers/promises";
import type { Side } from "../side.ts";
import { compare } from "./compare.ts";
import { stillThere } from "./fence.ts";
import { followerOf, note, type Session } from "./move.ts";
import { keptPromises, type Proof } from "./promise.ts";
import { RECORD, readRecord } from "./records.ts";
import { showKey } from "./reply.ts";

export interface SwitchOptions {
  to: Side;
  /** How long the application may be kept from writing. @default 15000 */
  budgetMs?: number;
  /** How long to wait for the queues to be empty before anybody is kept from writing. @default 60000 */
  drainMs?: number;
  /** Whether every key is compared while nobody can write, as far as the budget allows. @default true */
  proof?: boolean;
  /** Longest the comparison of every key may take while nobody can write. @default four fifths of what is left of the budget */
  proofMs?: number;
  /** Called as each line begins and ends. */
  onLine?: (event: { line: SwitchLine; phase: "begin" | "end" }) => void | Promise<void>;
}

/** Look, close, hear all that was noted, carry it, queues, proof, way back, commit, open. */
export type SwitchLine = "R0" | "R1" | "R2" | "R3" | "R4" | "R5" | "R6" | "R7" | "R8";

export interface SwitchReport {
  writer: Side;
  proof: Proof;
  /** Keys compared while nobody could write. */
  compared: number;
  freezeMs: number;
  /** What was kept of the promise of each prefix. */
  promises: string[];
}

/** A switch that was not made. Everything is as before, or the message says what to do. */
export class SwitchRefused extends Error {}

const BUDGET_MS = 15_000;
const DRAIN_MS = 60_000;
const LOOK_MS = 60_000;
/** Of the budget, kept for what comes after the proof. */
const RESERVE = 0.2;
const TOLERANCE_MS = 1_000;
const UNPROVED: Pick<Frozen, "proof" | "compared"> = { proof: "converged", compared: 0 };

/** The code a program ends with: 0 when every key was compared, 4 when it converged and the budget did not allow to compare. */
export function exitCodeOf({ proof }: SwitchReport): number {
  return proof === "compared" ? 0 : 4;
}

/**
 * Moves the writer to the other side. Up to R7 whatever fails is put back; from there it is finished, by this call or the next
 * `openMove`.
 */
export async function switchTo(session: Session, options: SwitchOptions): Promise<SwitchReport> {
  const { to, budgetMs = BUDGET_MS, onLine = () => undefined } = options;
  if (session.writer === to) throw new SwitchRefused(`${to} is the writer already`);
  const line = async <T>(name: SwitchLine, work: () => Promise<T>): Promise<T> => {
    await onLine({ line: name, phase: "begin" });
    const result = await work();
    await onLine({ line: name, phase: "end" });
    return result;
  };
  await line("R0", () => look(session, options.drainMs ?? DRAIN_MS));
  const began = performance.now();
  const deadline = Date.now() + budgetMs;
  let frozen: Frozen;
  try {
    frozen = await freeze(session, options, deadline, line);
  } catch (error) {
    throw await putBack(session, error);
  }
  const { move, fences } = session;
  session.follower.tracker.close();
  session.follower = frozen.back;
  session.writer = to;
  await line("R8", async () => {
    await fences[to].open();
    await move.point?.(to);
    for (const server of Object.values(session.lease.at)) await server.ask("HDEL", RECORD, "freezing");
  });
  const { proof, compared } = frozen;
  const freezeMs = performance.now() - began;
  return { writer: to, proof, compared, freezeMs, promises: keptPromises(move.policies, proof, compared) };
}

interface Frozen {
  proof: Proof;
  compared: number;
  /** What follows the new writer. */
  back: Session["follower"];
}

type Line = <T>(name: SwitchLine, work: () => Promise<T>) => Promise<T>;

async function freeze(
  session: Session,
  { to, proof: wanted = true, proofMs = Number.POSITIVE_INFINITY }: SwitchOptions,
  deadline: number,
  line: Line,
): Promise<Frozen> {
  const { follower, fences, lease, writer } = session;
  await line("R1", async () => {
    for (const server of Object.values(lease.at)) await server.ask("HSET", RECORD, "freezing", to);
    await fences[writer].close();
    if (!(await fences[writer].isClosed())) throw new SwitchRefused(`${writer} could not be closed to its writers`);
  });
  await line("R2", async () => {
    // Without notifications, or where some were missed, everything is looked at again.
    if (!follower.notified) follower.tracker.everything = true;
    else await follower.tracker.barrier(Math.max(0, deadline - Date.now()) / 2);
  });
  await line("R3", async () => {
    follower.tracker.putBack([...follower.carrier.silent].map((name) => Buffer.from(name, "latin1")));
    if (!(await follower.catchUp(deadline)))
      throw new SwitchRefused("what had changed could not be carried within the freeze budget");
    refuseTroubles(session);
  });
  await line("R4", () => refuseQueues(session));
  const proof = await line("R5", async () => (wanted ? prove(session, deadline, proofMs) : UNPROVED));
  const back = await line("R6", async () => {
    const next = await followerOf(session.move, lease, to, session.onProgress);
    if (next.notified) {
      await next.tracker.listen();
      if (!(await next.tracker.barrier(Math.max(100, deadline - Date.now()))))
        throw new SwitchRefused(`${to} does not tell what changes`);
    }
    // Both sides are the same now, and nobody can write.
    next.tracker.startAnew();
    return next;
  });
  await line("R7", async () => {
    if (Date.now() > deadline) throw new SwitchRefused("the freeze budget is used up");
    await lease.renew();
    // Also a round that is under way must not reach the new writer.
    await follower.pause();
    // One of them may have been emptied.
    const record = new Map([...(await readRecord(lease.at[to])), ...(await readRecord(lease.at[writer]))]);
    await note(lease.at, record.get("id") ?? "", to, Number(record.get("number") ?? 0) + 1);
  });
  return { ...proof, back };
}

/** Before anybody is kept from writing: the other side follows closely, every key has a policy, the queues are empty. */
async function look(session: Session, drainMs: number): Promise<void> {
  const { follower, lease, writer } = session;
  await follower.catchUp(Date.now() + LOOK_MS);
  if (follower.tracker.everything)
    throw new SwitchRefused("the other side does not follow closely yet: let the copy go on, then switch");
  refuseTroubles(session);
  const uncovered = await stillThere(lease.at[writer], follower.tracker.uncovered);
  if (uncovered.count > 0)
    throw new SwitchRefused(
      `${uncovered.count} keys are covered by no prefix: ${uncovered.first.map(showKey).join(", ")}; declare copy, drain or drop for them`,
    );
  for (const deadline = Date.now() + drainMs; ; await pause(50)) {
    await follower.step();
    const left = await stillThere(lease.at[writer], follower.tracker.queues);
    if (left.count === 0) return;
    if (Date.now() > deadline) throw new SwitchRefused(queuesLeft(left));
  }
}

function queuesLeft({ count, first }: { count: number; first: Buffer[] }): string {
  return `${count} keys to be drained are left: ${first.map(showKey).join(", ")}; stop the producers, let the workers empty them, then switch`;
}

async function refuseQueues({ follower, lease, writer }: Session): Promise<void> {
  const left = await stillThere(lease.at[writer], follower.tracker.queues);
  if (left.count > 0) throw new SwitchRefused(queuesLeft(left));
}

function refuseTroubles({ follower }: Session): void {
  const [first] = follower.troubles;
  if (first === undefined) return;
  const [name, why] = first;
  throw new SwitchRefused(
    `${follower.troubles.size} keys cannot be carried, such as ${showKey(Buffer.from(name, "latin1"))}: ${why}`,
  );
}

/** Every key, as far as the budget allows; whatever differs is a mistake of ours and no reason to carry it once more. */
async function prove(
  { follower, move }: Session,
  deadline: number,
  proofMs: number,
): Promise<Pick<Frozen, "proof" | "compared">> {
  const { from, to } = follower.carrier;
  const until = Math.min(Date.now() + proofMs, deadline - Math.max(0, deadline - Date.now()) * RESERVE);
  const options = { deadline: until, toleranceMs: TOLERANCE_MS };
  const { complete, keys, differences } = await compare(from, to, move.policies, options);
  const [first] = differences;
  if (first !== undefined)
    throw new SwitchRefused(`${differences.length} keys differ, such as ${showKey(first.key)}: it ${first.what}`);
  return { proof: complete ? "compared" : "converged", compared: keys };
}

/** Before the commit: opens the writer again. After it: says that the next call finishes. */
async function putBack(session: Session, error: unknown): Promise<Error> {
  const { lease, fences, writer } = session;
  const why = error instanceof Error ? error.message : String(error);
  try {
    const records = await Promise.all(Object.values(lease.at).map(readRecord));
    if (records.some((record) => record.get("writer") !== writer)) throw new Error("the switch is decided already");
    await fences[writer].open();
    session.follower.resume();
    for (const server of Object.values(lease.at)) await server.ask("HDEL", RECORD, "freezing");
  } catch (second) {
    const what = second instanceof Error ? second.message : String(second);
    return new Error(`${why}; and it could not be put back (${what}): run it again, which finishes or undoes it`, {
      cause: error,
    });
  }
  return new SwitchRefused(`not switched, ${writer} is open as before: ${why}`, { cause: error });
}
