import type { Expiry } from "./expiry.ts";
import { bytes, integer, list, pairs, text } from "./reply.ts";
import type { Argument, Question, Server } from "./server.ts";
import { copyStream } from "./stream.ts";

/** Elements of a list, set, hash or sorted set that are read at once. */
const ELEMENTS = 500;
/** Of a string. */
const PART_BYTES = 4 * 1024 * 1024;

type Copy = (from: Server, to: Server, key: Buffer, work: string) => Promise<void>;

const COPIES: Record<string, Copy> = {
  string: copyString,
  list: copyList,
  set: (from, to, key, work) => copyScanned(from, to, key, work, "SSCAN", (elements) => ["SADD", work, ...elements]),
  hash: copyHash,
  zset: (from, to, key, work) =>
    copyScanned(from, to, key, work, "ZSCAN", (elements) => [
      "ZADD",
      work,
      ...pairs(elements).flatMap(([member, score]) => [bytes(score), bytes(member)]),
    ]),
  stream: copyStream,
};

/** What a type is called whose values are copied by its commands. */
export const COPIED_TYPES = Object.keys(COPIES);

/**
 * Copies a value by the commands of its type, in parts, under a name of its own, and puts it in place at once.
 * @returns the type, or `gone` where there is no such key
 * @throws Error naming what cannot be copied
 */
export async function copyByType(from: Server, to: Server, key: Buffer, expiry: Expiry, work: string): Promise<string> {
  const type = text(await from.ask("TYPE", key));
  if (type === "none") return "gone";
  const copy = COPIES[type];
  if (copy === undefined)
    throw refusal(`values of type ${type} can only be carried between servers that read each other's payloads`);
  await copy(from, to, key, work);
  const done: Question[] = [];
  if (typeof expiry === "number") done.push(["PEXPIREAT", work, expiry]);
  done.push(["RENAME", work, key]);
  const replies = await to.pipeline(done);
  const error = replies.at(-1);
  // What was read is gone: either it was emptied in between, or the time it had is over.
  if (error instanceof Error && /no such key/.test(error.message)) return "gone";
  if (error instanceof Error) throw error;
  return type;
}

/** An error about the value and not about the server. */
function refusal(message: string): Error {
  return Object.assign(new Error(message), { name: "ReplyError" });
}

async function copyString(from: Server, to: Server, key: Buffer, work: string): Promise<void> {
  const length = integer(await from.ask("STRLEN", key));
  if (length === 0) {
    const value = await from.ask("GET", key);
    if (value !== null) await to.ask("SET", work, bytes(value));
  }
  for (let at = 0; at < length; at += PART_BYTES)
    await to.ask("APPEND", work, bytes(await from.ask("GETRANGE", key, at, at + PART_BYTES - 1)));
}

async function copyList(from: Server, to: Server, key: Buffer, work: string): Promise<void> {
  for (let at = 0; ; at += ELEMENTS) {
    const elements = list(await from.ask("LRANGE", key, at, at + ELEMENTS - 1)).map(bytes);
    if (elements.length > 0) await to.ask("RPUSH", work, ...elements);
    if (elements.length < ELEMENTS) return;
  }
}

async function copyScanned(
  from: Server,
  to: Server,
  key: Buffer,
  _work: string,
  command: string,
  write: (elements: Buffer[]) => Question,
): Promise<void> {
  let cursor = "0";
  do {
    const [next, elements] = list(await from.ask(command, key, cursor, "COUNT", ELEMENTS));
    cursor = text(next);
    const all = list(elements).map(bytes);
    for (let at = 0; at < all.length; at += 2 * ELEMENTS) await to.ask(...write(all.slice(at, at + 2 * ELEMENTS)));
  } while (cursor !== "0");
}

/** Fields that go by themselves (Redis 7.4, Valkey 9) keep the moment they go. */
async function copyHash(from: Server, to: Server, key: Buffer, work: string): Promise<void> {
  let cursor = "0";
  do {
    const [next, elements] = list(await from.ask("HSCAN", key, cursor, "COUNT", ELEMENTS));
    cursor = text(next);
    const all = list(elements).map(bytes);
    if (all.length === 0) continue;
    await to.ask("HSET", work, ...all);
    await copyFieldExpiries(
      from,
      to,
      key,
      work,
      all.filter((_, at) => at % 2 === 0),
    );
  } while (cursor !== "0");
}

async function copyFieldExpiries(from: Server, to: Server, key: Buffer, work: string, names: Buffer[]): Promise<void> {
  const [reply] = await from.pipeline([["HPEXPIRETIME", key, "FIELDS", names.length, ...names]]);
  // A server that does not know the command has no such fields.
  if (!Array.isArray(reply)) return;
  for (const [at, moment] of reply.map(integer).entries()) {
    const name: Argument | undefined = names[at];
    if (moment > 0 && name !== undefined) await to.ask("HPEXPIREAT", work, moment, "FIELDS", 1, name);
  }
}
