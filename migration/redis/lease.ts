import { randomUUID } from "node:crypto";
import type { Side } from "../side.ts";
import { OWN_PREFIX } from "./policy.ts";
import { text } from "./reply.ts";
import { type Access, CLIENT_NAME, Server } from "./server.ts";

const KEY = `${OWN_PREFIX}operator`;
const LEASE_MS = 15_000;

/** The right to work on a move: a key at each server that goes by itself, and connections that bear its name. */
export interface Lease {
  at: Record<Side, Server>;
  /** What our connections are called. */
  name: string;
  /** Makes it last on; throws where somebody else has it. */
  renew(): Promise<void>;
  release(): Promise<void>;
}

/**
 * One operator at a time. Whoever holds it is alive as long as it has a connection; where the server does not list connections, as
 * long as its lease lasts.
 * @throws Error naming who holds it
 */
export async function takeLease(access: Record<Side, Access>, who: string): Promise<Lease> {
  const name = `${CLIENT_NAME}:${randomUUID()}`;
  const value = `${name} ${who}`;
  const at = { blue: new Server("blue", access.blue, name), green: new Server("green", access.green, name) };
  const both = [at.blue, at.green];
  let renewed = 0;
  try {
    for (const server of both) await take(server, value);
    for (const server of both) await endOthers(server, name);
    renewed = Date.now();
  } catch (error) {
    for (const server of both) server.close();
    throw error;
  }
  return {
    at,
    name,
    async renew() {
      if (Date.now() - renewed < LEASE_MS / 5) return;
      for (const server of both) await keep(server, value);
      renewed = Date.now();
    },
    async release() {
      for (const server of both) {
        await drop(server, value).catch(() => undefined);
        server.close();
      }
    },
  };
}

async function take(server: Server, value: string): Promise<void> {
  for (let attempt = 0; attempt < 3; attempt += 1) {
    if ((await server.ask("SET", KEY, value, "NX", "PX", LEASE_MS)) !== null) return;
    const held = await server.ask("GET", KEY);
    if (held === null) continue;
    const [name = "", ...who] = text(held).split(" ");
    if (await isAlive(server, name))
      throw new Error(`${who.join(" ")} is at work on this move (seen at ${server.side}); one at a time`);
    await drop(server, text(held));
  }
  throw new Error(`the move could not be taken up at ${server.side}: others are trying, too`);
}

async function isAlive(server: Server, name: string): Promise<boolean> {
  const [clients] = await server.pipeline([["CLIENT", "LIST"]]);
  return !Buffer.isBuffer(clients) || clients.includes(` name=${name} `);
}

/** Whoever slept through the end of its lease finds its connections gone, and touches nothing behind our back. */
async function endOthers(server: Server, name: string): Promise<void> {
  const [clients] = await server.pipeline([["CLIENT", "LIST"]]);
  if (!Buffer.isBuffer(clients)) return;
  const others = clients
    .toString()
    .split("\n")
    .filter((line) => line.includes(` name=${CLIENT_NAME}:`) && !line.includes(` name=${name} `));
  for (const line of others) {
    const id = /^id=(\d+)/.exec(line)?.[1];
    if (id !== undefined) await server.pipeline([["CLIENT", "KILL", "ID", id]]);
  }
}

async function keep(server: Server, value: string): Promise<void> {
  const held = await server.ask("GET", KEY);
  if (held !== null && text(held) !== value) throw new Error(`${text(held)} has taken this move over`);
  // It may have gone with everything else when the database was emptied.
  await server.ask("SET", KEY, value, "PX", LEASE_MS);
}

async function drop(server: Server, value: string): Promise<void> {
  const held = await server.ask("GET", KEY);
  if (held !== null && text(held) === value) await server.ask("DEL", KEY);
}
