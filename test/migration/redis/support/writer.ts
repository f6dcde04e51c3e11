import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { integer } from "../../../../migration/redis/reply.ts";
import { type Access, Server } from "../../../../migration/redis/server.ts";
import type { Side } from "../../../../migration/side.ts";

/** What the application knows of what it wrote. */
export interface Writers {
  /** Where the application is told the keys are. */
  side: Side;
  acked: Set<string>;
  deleted: Set<string>;
  unknown: Set<string>;
  /** Of the counter: answered, and perhaps made. */
  counted: { acked: number; unknown: number };
  refused: number;
  progress(more: number): Promise<void>;
  stop(): Promise<void>;
}

const LIFE_MS = 3_600_000;

/** Sessions that come and go and a counter, without rest. A key with an odd number has an end. */
export function startWriters(app: Record<Side, Access>, count = 3): Writers {
  const ending = new AbortController();
  const writers: Writers = {
    side: "blue",
    acked: new Set(),
    deleted: new Set(),
    unknown: new Set(),
    counted: { acked: 0, unknown: 0 },
    refused: 0,
    async progress(more) {
      const wanted = writers.acked.size + more;
      for (const deadline = Date.now() + 10_000; writers.acked.size < wanted; await pause(2))
        if (Date.now() > deadline) throw new Error("writes stand still");
    },
    async stop() {
      ending.abort();
      await Promise.all(all);
    },
  };
  const all = Array.from({ length: count }, () => write(app, writers, ending.signal));
  return writers;
}

async function write(app: Record<Side, Access>, writers: Writers, signal: AbortSignal): Promise<void> {
  let [server, at] = [new Server(writers.side, app[writers.side]), writers.side];
  const own: string[] = [];
  for (let round = 0; !signal.aborted; round += 1) {
    if (at !== writers.side) {
      server.close();
      [server, at] = [new Server(writers.side, app[writers.side]), writers.side];
    }
    const key = `copy:${round}:${randomUUID()}`;
    const old = round % 5 === 4 ? own.shift() : undefined;
    if (old !== undefined) writers.acked.delete(old);
    const end = round % 2 === 1 ? ["PX", LIFE_MS] : [];
    const [set, increment, removal] = await server
      .pipeline([
        ["SET", key, key, ...end],
        ["INCR", "copy:counter"],
        ...(old === undefined ? [] : [["DEL", old] as const]),
      ])
      .catch(() => []);
    if (set === undefined) {
      writers.unknown.add(key);
      writers.counted.unknown += 1;
      [server, at] = [new Server(writers.side, app[writers.side]), writers.side];
    } else if (set instanceof Error) writers.refused += 1;
    else {
      writers.acked.add(key);
      own.push(key);
    }
    if (increment !== undefined && !(increment instanceof Error)) writers.counted.acked += 1;
    if (old !== undefined && removal !== undefined && !(removal instanceof Error)) writers.deleted.add(old);
    await pause(1);
  }
  server.close();
}

/** What is wrong on a side; the list of what was answered is taken before reading. */
export async function check(server: Server, writers: Writers): Promise<string[]> {
  const [acked, deleted, counted] = [[...writers.acked], [...writers.deleted], writers.counted.acked];
  const values = await server.pipeline(acked.map((key) => ["GET", key] as const));
  const lives = await server.pipeline(acked.map((key) => ["PTTL", key] as const));
  const back = await server.pipeline(deleted.map((key) => ["EXISTS", key] as const));
  const total = integer((await server.ask("GET", "copy:counter")) ?? 0);
  // One that was deleted while this read is no loss.
  const lost = acked.filter((key, at) => values[at]?.toString() !== key && writers.acked.has(key));
  const endless = acked.filter(
    (key, at) => (Number(key.split(":")[1]) % 2 === 1) !== integer(lives[at]) > 0 && integer(lives[at]) !== -2,
  );
  const figures: [string, number][] = [
    ["lost", lost.length],
    ["with another life", endless.length],
    ["there though deleted", back.filter((reply) => integer(reply) === 1).length],
    ["increments lost", Math.max(0, counted - total)],
  ];
  return figures.flatMap(([what, number]) => (number > 0 ? [`${number} ${what}`] : []));
}
