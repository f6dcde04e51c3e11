import { bytes, list, text } from "./reply.ts";
import type { Server } from "./server.ts";

/** How many places of its table the server looks through for one answer. */
const COUNT = 1_000;

/** Every key that is there from beginning to end, some of them twice; keys that come or go meanwhile may be missed. */
export async function* scan(server: Server): AsyncGenerator<Buffer[]> {
  let cursor = "0";
  do {
    const [next, keys] = list(await server.ask("SCAN", cursor, "COUNT", COUNT));
    cursor = text(next);
    yield list(keys).map(bytes);
  } while (cursor !== "0");
}
