import { bytes, fields, list, pairs, text } from "./reply.ts";
import type { Reply, Server } from "./server.ts";

const PART = 1_000;

/** A value as pieces that are the same on every server, in an order that is. */
export async function* canonical(server: Server, key: Buffer): AsyncGenerator<Buffer> {
  const type = text(await server.ask("TYPE", key));
  yield Buffer.from(type);
  switch (type) {
    case "string":
      yield withoutCache(bytes(await server.ask("GET", key)));
      return;
    case "list":
      for (let at = 0; ; at += PART) {
        const elements = list(await server.ask("LRANGE", key, at, at + PART - 1)).map(bytes);
        yield* elements;
        if (elements.length < PART) return;
      }
    case "set":
      yield* (await scanned(server, "SSCAN", key)).map(bytes).sort(Buffer.compare);
      return;
    case "hash":
    case "zset":
      yield* sortedPairs(await scanned(server, type === "hash" ? "HSCAN" : "ZSCAN", key), type === "zset");
      return;
    case "stream":
      yield* streamParts(server, key);
      return;
    default:
      yield bytes(await server.ask("DUMP", key));
  }
}

/** A HyperLogLog keeps the count that was asked for last in it, and asking is no change that anybody is told of. */
function withoutCache(value: Buffer): Buffer {
  return value.subarray(0, 4).toString("latin1") === "HYLL" ? Buffer.from(value).fill(0, 8, 16) : value;
}

async function scanned(server: Server, command: string, key: Buffer): Promise<Reply[]> {
  const all = new Map<string, Reply[]>();
  const width = command === "SSCAN" ? 1 : 2;
  let cursor = "0";
  do {
    const [next, elements] = list(await server.ask(command, key, cursor, "COUNT", PART));
    cursor = text(next);
    const items = list(elements);
    // An element may come twice.
    for (let at = 0; at < items.length; at += width)
      all.set(bytes(items[at]).toString("latin1"), items.slice(at, at + width));
  } while (cursor !== "0");
  return [...all.values()].flat();
}

/** Servers write the same score in different ways: 0.1, and 0.10000000000000001. */
function sortedPairs(items: readonly Reply[], scores: boolean): Buffer[] {
  const written = (value: Reply) =>
    scores && !/inf/.test(text(value)) ? Buffer.from(String(Number(text(value)))) : bytes(value);
  return pairs(items)
    .map(([name, value]) => [bytes(name), written(value)] as const)
    .sort(([one], [other]) => one.compare(other))
    .flat();
}

/** Entries and, of each group, where it is and who has what; how long ago something was given is no part of the value. */
async function* streamParts(server: Server, key: Buffer): AsyncGenerator<Buffer> {
  yield bytes(fields(await server.ask("XINFO", "STREAM", key)).get("last-generated-id"));
  yield* await paged(
    (after) => server.ask("XRANGE", key, after, "+", "COUNT", PART),
    ([id, values]) => [bytes(id), ...list(values).map(bytes)],
  );
  const groups = list(await server.ask("XINFO", "GROUPS", key)).map(fields);
  for (const group of groups.sort((a, b) => bytes(a.get("name")).compare(bytes(b.get("name"))))) {
    const name = bytes(group.get("name"));
    yield name;
    yield bytes(group.get("last-delivered-id"));
    yield* await paged(
      (after) => server.ask("XPENDING", key, name, after, "+", PART),
      ([id, consumer, , times]) => [bytes(id), bytes(consumer), bytes(times)],
    );
  }
}

async function paged(read: (after: string) => Promise<Reply>, parts: (item: Reply[]) => Buffer[]): Promise<Buffer[]> {
  const all: Buffer[] = [];
  let after = "-";
  for (;;) {
    const items = list(await read(after)).map(list);
    for (const item of items) all.push(...parts(item));
    if (items.length < PART) return all;
    after = `(${text(items.at(-1)?.[0])}`;
  }
}
