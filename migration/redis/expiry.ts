import { integer, list, text } from "./reply.ts";
import type { Question, Reply, Server } from "./server.ts";

/** Milliseconds since 1970 when a key goes; `never`; or `gone` where there is no such key. */
export type Expiry = number | "never" | "gone";

/** PEXPIRETIME came with 7.0. Before, the time is the server's clock and what is left of it. */
const reading = new WeakMap<Server, "exact" | "relative">();

/** The moment each key goes, by its server's clock. */
export async function readExpiries(server: Server, keys: readonly Buffer[]): Promise<Expiry[]> {
  if (keys.length === 0) return [];
  if (reading.get(server) !== "relative") {
    const replies = await server.pipeline(keys.map((key): Question => ["PEXPIRETIME", key]));
    if (!isUnknownCommand(replies[0])) return replies.map((reply) => expiryOf(integer(reply), 0));
    reading.set(server, "relative");
  }
  const [now, ...left] = await server.pipeline([["TIME"], ...keys.map((key): Question => ["PTTL", key])]);
  const milliseconds = timeOf(now);
  return left.map((reply) => expiryOf(integer(reply), milliseconds));
}

/** The server's clock. */
export async function readClock(server: Server): Promise<number> {
  return timeOf(await server.ask("TIME"));
}

function timeOf(reply: Reply | undefined): number {
  const [seconds, micros] = list(reply);
  return Number(text(seconds)) * 1_000 + Math.floor(Number(text(micros)) / 1_000);
}

function expiryOf(value: number, now: number): Expiry {
  if (value === -2) return "gone";
  return value === -1 ? "never" : now + value;
}

export function isUnknownCommand(reply: Reply | undefined): boolean {
  return reply instanceof Error && /unknown command|not available|unsupported|NOPERM/i.test(reply.message);
}
