import { randomUUID } from "node:crypto";
import { type Expiry, isUnknownCommand, readExpiries } from "./expiry.ts";
import { OWN_PREFIX } from "./policy.ts";
import { integer } from "./reply.ts";
import { isReply, type Question, type Reply, type Server } from "./server.ts";
import { copyByType } from "./typewise.ts";

/** What a number of keys came to. */
export interface Carried {
  keys: number;
  bytes: number;
  deleted: number;
  /** Keys whose value could not be carried, and why. */
  troubles: Map<string, string>;
}

export interface CarrierOptions {
  /** False where the other side does not read this side's payloads, so that each value is copied by the commands of its type. */
  payloads: boolean;
  /** Values from this size on are copied in parts, so that neither server nor this process holds them whole. @default 16 MiB */
  bigBytes?: number;
}

/** Keys under this prefix are values that are being put together on the receiving side. */
export const WORK_PREFIX = `${OWN_PREFIX}part:`;

const BATCH_KEYS = 256;
const CONCURRENT = 4;
const GROUP_BYTES = 8 * 1024 * 1024;
/** What is assumed where the server does not tell: then sixteen values travel together. */
const UNKNOWN_BYTES = GROUP_BYTES / 16;
/** First bytes of payloads of streams: who has read what in a stream changes without a notification. */
const STREAM_TYPES = [15, 19, 21];

/** Brings keys as they are now from one server to the other: their value, when they go, and that they are gone. */
export class Carrier {
  readonly from: Server;
  readonly to: Server;
  /** Keys that may change without a notification (streams), in latin1; to be carried once more when nobody writes. */
  readonly silent = new Set<string>();
  readonly #options: Required<CarrierOptions>;
  #tellsSizes = true;

  constructor(from: Server, to: Server, options: CarrierOptions) {
    this.from = from;
    this.to = to;
    this.#options = { bigBytes: 16 * 1024 * 1024, ...options };
  }

  /** Each key once; nothing else may carry one of them meanwhile, as the older value could come last. */
  async carry(keys: readonly Buffer[]): Promise<Carried> {
    const total: Carried = { keys: 0, bytes: 0, deleted: 0, troubles: new Map() };
    const batches = chunks(keys, BATCH_KEYS);
    const work = async () => {
      for (let batch = batches.shift(); batch !== undefined; batch = batches.shift()) await this.#batch(batch, total);
    };
    await Promise.all(Array.from({ length: CONCURRENT }, work));
    return total;
  }

  async #batch(keys: readonly Buffer[], total: Carried): Promise<void> {
    const [expiries, sizes] = await Promise.all([readExpiries(this.from, keys), this.#sizes(keys)]);
    const all = keys.map((key, at) => ({ key, expiry: expiries[at] ?? "gone", size: sizes[at] ?? 0 }));
    const big = all.filter(({ size }) => size >= this.#options.bigBytes);
    const byType = this.#options.payloads ? big : all;
    const whole = this.#options.payloads ? all.filter((item) => !big.includes(item)) : [];
    for (const group of groups(whole)) await this.#payloads(group, total);
    for (const { key, expiry, size } of byType) await this.#byType(key, expiry, size, total);
  }

  async #payloads(group: readonly Item[], total: Carried): Promise<void> {
    const dumps = await this.from.pipeline(group.map(({ key }): Question => ["DUMP", key]));
    const replies = await this.to.pipeline(
      group.map(({ key, expiry }, at): Question => {
        const payload = dumps[at];
        if (!Buffer.isBuffer(payload)) return ["DEL", key];
        if (STREAM_TYPES.includes(payload[0] ?? 0)) this.silent.add(key.toString("latin1"));
        const until = typeof expiry === "number" ? expiry : 0;
        return until === 0
          ? ["RESTORE", key, 0, payload, "REPLACE"]
          : ["RESTORE", key, until, payload, "REPLACE", "ABSTTL"];
      }),
    );
    for (const [at, { key, expiry, size }] of group.entries()) {
      const payload = dumps[at];
      const reply = replies[at];
      if (payload instanceof Error) throw payload;
      refuseFatal(reply, this.to);
      if (!Buffer.isBuffer(payload)) total.deleted += integer(reply);
      else if (reply instanceof Error) await this.#byType(key, expiry, size, total);
      else {
        total.keys += 1;
        total.bytes += payload.length;
      }
    }
  }

  async #byType(key: Buffer, expiry: Expiry, size: number, total: Carried): Promise<void> {
    const work = `${WORK_PREFIX}${randomUUID()}`;
    try {
      const result = await copyByType(this.from, this.to, key, expiry, work);
      if (result === "gone") total.deleted += integer(await this.to.ask("DEL", key));
      else {
        if (result === "stream") this.silent.add(key.toString("latin1"));
        total.keys += 1;
        total.bytes += size;
      }
    } catch (error) {
      if (!(error instanceof Error) || !isRefusal(error)) throw error;
      refuseFatal(error.cause instanceof Error ? error.cause : error, this.to);
      await this.to.ask("DEL", work);
      total.troubles.set(key.toString("latin1"), error.message);
    }
  }

  async #sizes(keys: readonly Buffer[]): Promise<number[]> {
    if (!this.#tellsSizes) return keys.map(() => UNKNOWN_BYTES);
    const replies = await this.from.pipeline(keys.map((key): Question => ["MEMORY", "USAGE", key]));
    if (isUnknownCommand(replies[0])) {
      this.#tellsSizes = false;
      return keys.map(() => UNKNOWN_BYTES);
    }
    return replies.map((reply) => (reply === null || reply === undefined ? 0 : integer(reply)));
  }
}

interface Item {
  key: Buffer;
  expiry: Expiry;
  size: number;
}

/** A value that could not be carried because of what it is; anything else that goes wrong ends the copy. */
function isRefusal(error: Error): boolean {
  const cause = error.cause instanceof Error ? error.cause : error;
  return isReply(cause);
}

/** Refusals that meet every key, whatever it holds. */
function refuseFatal(reply: Reply | undefined, to: Server): void {
  if (!(reply instanceof Error)) return;
  const remedies: [RegExp, string][] = [
    [/^OOM/, "its memory is used up: raise maxmemory there"],
    [/^NOPERM/, "this user lacks a right there: see the inspection"],
    [/^(READONLY|MISCONF|LOADING|MASTERDOWN)/, "it takes no writes at present"],
  ];
  const remedy = remedies.find(([pattern]) => pattern.test(reply.message))?.[1];
  if (remedy !== undefined)
    throw new Error(`${to.side} refuses what is brought (${reply.message}): ${remedy}`, { cause: reply });
}

function groups(items: readonly Item[]): Item[][] {
  const result: Item[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const item of items) {
    if (bytes + item.size > GROUP_BYTES) {
      result.push([]);
      bytes = 0;
    }
    result.at(-1)?.push(item);
    bytes += item.size;
  }
  return result;
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, at) => items.slice(at * size, (at + 1) * size));
}
