import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { otherSide, type Side } from "../side.ts";
import { Carrier } from "./carry.ts";
import { AclFence, type Fence } from "./fence.ts";
import { Follower, type Progress } from "./follower.ts";
import { readsPayloads } from "./inspect/payload.ts";
import { type Lease, takeLease } from "./lease.ts";
import { switchBack, switchOn } from "./notify.ts";
import type { Policies } from "./policy.ts";
import { findForeignKeys, RECORD, readRecord } from "./records.ts";
import { showKey } from "./reply.ts";
import type { Access, Server } from "./server.ts";
import { Tracker } from "./tracker.ts";

/** Two servers between which the keys move. */
export interface Move {
  access: Record<Side, Access>;
  policies: Policies;
  /** The ACL users the application writes as, on each side. */
  writers: Record<Side, readonly string[]>;
  /** What stops the application's writes in place of the ACL, where the server has none to be changed. */
  holds?: Partial<Record<Side, Fence>>;
  /** What comes before the closing of a side and after its opening, such as a relay that keeps clients waiting. */
  around?: (fence: Fence, side: Side) => Fence;
  /** False where the source cannot be made to tell what changes. @default true */
  notified?: boolean;
  /** Tells the application where the keys are; may be told the same twice. */
  point?: (to: Side) => Promise<void>;
}

/** What came of an attempt that died before: nothing was found, or it was `undone`, or `finished` as it had been decided. */
export type Found = "nothing" | "undone" | "finished";

/** A move that is being worked on. */
export interface Session {
  move: Move;
  lease: Lease;
  fences: Record<Side, Fence>;
  writer: Side;
  found: Found;
  /** From the writer to the other side. */
  follower: Follower;
  onProgress?: (progress: Progress) => void;
  /** Follows whoever is the writer until it is told to stop. @throws when a server goes away: opened anew, everything is looked at again */
  follow(signal: AbortSignal): Promise<void>;
  /** Ends the connections; the fences stay as they are. */
  close(): Promise<void>;
}

export interface SessionOptions {
  /** Shown to whoever comes second. */
  who: string;
  onProgress?: (progress: Progress) => void;
}

const IDLE_MS = 10;

/**
 * Takes a move up: a new one, one that goes on, or one whose operator died, which is brought to one open side first.
 * @throws Error where somebody else is at work, or green holds keys that no earlier attempt has brought
 */
export async function openMove(move: Move, options: SessionOptions): Promise<Session> {
  const lease = await takeLease(move.access, options.who);
  try {
    const fences = await fencesOf(move, lease);
    const { writer, found } = await begin(move, lease, fences);
    const follower = await followerOf(move, lease, writer, options.onProgress);
    const session: Session = {
      move,
      lease,
      fences,
      writer,
      found,
      follower,
      ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
      async follow(signal) {
        while (!signal.aborted) if (await session.follower.step()) await pause(IDLE_MS);
      },
      async close() {
        session.follower.tracker.close();
        await lease.release();
      },
    };
    return session;
  } catch (error) {
    await lease.release();
    throw error;
  }
}

/** Gives a move up for good. The side that is not the writer stays closed, unless it never was the writer. */
export async function endMove({ lease, fences, writer }: Session): Promise<void> {
  const { blue, green } = lease.at;
  if (writer === "blue") await fences.green.open();
  for (const server of [blue, green]) {
    await switchBack(server).catch(() => undefined);
    await server.ask("HDEL", RECORD, "id", "writer", "number", "freezing");
  }
}

/** Follows the writer; the other side's server is only written to. */
export async function followerOf(
  move: Move,
  lease: Lease,
  writer: Side,
  onProgress?: (progress: Progress) => void,
): Promise<Follower> {
  const [from, to] = [lease.at[writer], lease.at[otherSide(writer)]];
  if (move.notified !== false) await switchOn(from);
  const payloads = (await readsPayloads(from, to)) === undefined;
  return new Follower(
    new Tracker(from, move.policies, lease.name),
    new Carrier(from, to, { payloads }),
    move.policies,
    {
      mayGoOn: () => lease.renew(),
      notified: move.notified ?? true,
      ...(onProgress === undefined ? {} : { onProgress }),
    },
  );
}

async function fencesOf(move: Move, { at }: Lease): Promise<Record<Side, Fence>> {
  const fenceOf = async (server: Server): Promise<Fence> => {
    const hold = move.holds?.[server.side];
    if (hold !== undefined) return hold;
    const fence = new AclFence(server, at[otherSide(server.side)], move.writers[server.side]);
    await fence.check();
    return move.around?.(fence, server.side) ?? fence;
  };
  return { blue: await fenceOf(at.blue), green: await fenceOf(at.green) };
}

/** Reads who is the writer, and opens that side and closes the other one, whatever was begun. */
async function begin(move: Move, { at }: Lease, fences: Record<Side, Fence>): Promise<{ writer: Side; found: Found }> {
  const records = { blue: await readRecord(at.blue), green: await readRecord(at.green) };
  const known = [records.green, records.blue].filter((record) => record.has("id"));
  if (known.length === 0) await start(move, at);
  const number = (record: Map<string, string>) => Number(record.get("number") ?? -1);
  const newest = known.sort((a, b) => number(b) - number(a))[0];
  const writer: Side = newest?.get("writer") === "green" ? "green" : "blue";
  if (newest !== undefined) await note(at, newest.get("id") ?? "", writer, number(newest));
  const freezing = records.blue.get("freezing") ?? records.green.get("freezing");
  await fences[otherSide(writer)].close();
  await fences[writer].open();
  for (const server of [at.blue, at.green]) await server.ask("HDEL", RECORD, "freezing");
  if (freezing !== undefined) await move.point?.(writer);
  return { writer, found: freezing === undefined ? "nothing" : freezing === writer ? "finished" : "undone" };
}

async function start(move: Move, at: Record<Side, Server>): Promise<void> {
  const { count, first } = await findForeignKeys({ ...at, policies: move.policies });
  if (count > 0)
    throw new Error(
      `green holds ${count} keys already, such as ${first.map(showKey).join(", ")}; give an empty database, or delete them`,
    );
  await note(at, randomUUID(), "blue", 0);
}

/** The receiving side first: the record with the higher number is the one that counts. */
export async function note(at: Record<Side, Server>, id: string, writer: Side, number: number): Promise<void> {
  for (const server of [at[writer], at[otherSide(writer)]])
    await server.ask("HSET", RECORD, "id", id, "writer", writer, "number", number);
}
