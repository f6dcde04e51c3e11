import { OWN_PREFIX } from "./policy.ts";
import { list, text } from "./reply.ts";
import type { Server } from "./server.ts";

const SETTING = "notify-keyspace-events";
/** What the setting was before; on the server it belongs to. */
const BEFORE = `${OWN_PREFIX}${SETTING}`;
/** By key event (E), for every class of events (A). */
const NEEDED = "AE";

/** Makes a server tell which keys change. @throws where it refuses */
export async function switchOn(server: Server): Promise<void> {
  const now = await read(server);
  if ([...NEEDED].every((letter) => now.includes(letter))) return;
  await server.ask("SET", BEFORE, now, "NX");
  await server.ask("CONFIG", "SET", SETTING, [...new Set([...now, ...NEEDED])].join(""));
}

/** As it was before, where this program has changed it. */
export async function switchBack(server: Server): Promise<void> {
  const before = await server.ask("GET", BEFORE);
  if (before === null) return;
  await server.ask("CONFIG", "SET", SETTING, text(before));
  await server.ask("DEL", BEFORE);
}

async function read(server: Server): Promise<string> {
  const [, value] = list(await server.ask("CONFIG", "GET", SETTING));
  return text(value);
}
