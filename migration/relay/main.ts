import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { age, readJson, writeJson } from "../files.ts";
import type { Side } from "../side.ts";
import { NOTE, ORDER, type Order, type RelayNote } from "./orders.ts";
import { type Place, Relay } from "./relay.ts";

/*
 * The relay on green's server: `node relay.mjs CONFIGURATION`. It leads the application to the side the mover's order names, and to
 * green where there is none, as before any move.
 */

interface File extends Record<Side, Place> {
  port: number;
  folder: string;
}

const POLL_MS = 20;
const EVERY_MS = 1_000;

const { port, folder, ...places } = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8")) as File;
const stop = new AbortController();
for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => stop.abort());

const relay = new Relay(places);
let order: Order = { id: "", side: "green", heldUntil: 0 };
let told = 0;
let held = false;

async function obey(next: Order): Promise<void> {
  order = next;
  held = order.heldUntil > Date.now();
  await relay.lead(order);
  tell();
}

function tell(): void {
  told = Date.now();
  const note: RelayNote = { at: told, answered: order.id, side: order.side, connections: relay.connections };
  writeJson(folder, NOTE, note, false);
}

// Before anybody is let in, or the first ones would be led elsewhere.
await obey(readJson<Order>(folder, ORDER) ?? order);
await relay.listen(port);
while (!stop.signal.aborted) {
  const next = readJson<Order>(folder, ORDER) ?? order;
  // A hold ends by itself, too.
  if (next.id !== order.id || (held && order.heldUntil <= Date.now())) await obey(next);
  if (age({ at: told }) >= EVERY_MS) tell();
  await pause(POLL_MS, undefined, { signal: stop.signal }).catch(() => undefined);
}
await relay.close();
