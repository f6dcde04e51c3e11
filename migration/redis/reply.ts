import type { Reply } from "./server.ts";

/** The answer as bytes. @throws the refusal, or Error where it is something else */
export function bytes(reply: Reply | undefined): Buffer {
  if (reply instanceof Error) throw reply;
  if (Buffer.isBuffer(reply)) return reply;
  if (typeof reply === "number") return Buffer.from(String(reply));
  throw new Error("the server answered nothing where bytes were expected");
}

export function text(reply: Reply | undefined): string {
  return bytes(reply).toString();
}

export function integer(reply: Reply | undefined): number {
  return Number(text(reply));
}

export function list(reply: Reply | undefined): Reply[] {
  if (reply instanceof Error) throw reply;
  if (Array.isArray(reply)) return reply;
  throw new Error("the server answered something else than a list");
}

/** Fields of an answer that is a flat list of names and values. */
export function fields(reply: Reply | undefined): Map<string, Reply> {
  const items = list(reply);
  return new Map(pairs(items).map(([name, value]) => [text(name), value]));
}

/** Two by two. */
export function pairs(items: readonly Reply[]): [Reply, Reply][] {
  return Array.from({ length: items.length / 2 }, (_, at) => [items[2 * at] ?? null, items[2 * at + 1] ?? null]);
}

/** The lines `name:value` of INFO. */
export function infoFields(reply: Reply | undefined): Map<string, string> {
  return new Map(
    text(reply)
      .split("\r\n")
      .flatMap((line): [string, string][] => {
        const at = line.indexOf(":");
        return line.startsWith("#") || at < 0 ? [] : [[line.slice(0, at), line.slice(at + 1)]];
      }),
  );
}

/** A key for people: as text where it is, else with its odd bytes written out. */
export function showKey(key: Buffer): string {
  const name = key.toString();
  return Buffer.from(name).equals(key) ? JSON.stringify(name) : JSON.stringify(key.toString("latin1"));
}
