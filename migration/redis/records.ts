import { isOwn, OWN_PREFIX, type Policies } from "./policy.ts";
import { bytes, list, pairs, text } from "./reply.ts";
import { scan } from "./scan.ts";
import type { Server } from "./server.ts";

/** What a move has noted on a server; it survives whoever works on it. */
export const RECORD = `${OWN_PREFIX}move`;

/** The fields of the record; none where no move has been here. */
export async function readRecord(server: Server): Promise<Map<string, string>> {
  return new Map(
    pairs(list(await server.ask("HGETALL", RECORD))).map(([name, value]) => [text(name), bytes(value).toString()]),
  );
}

/** Keys of green that no earlier attempt between the same two servers has brought: the first few, and how many. */
export async function findForeignKeys(at: {
  blue: Server;
  green: Server;
  policies: Policies;
}): Promise<{ first: Buffer[]; count: number }> {
  const found: { first: Buffer[]; count: number } = { first: [], count: 0 };
  const [blue, green] = await Promise.all([readRecord(at.blue), readRecord(at.green)]);
  if (green.has("id") && green.get("id") === blue.get("id")) return found;
  for await (const keys of scan(at.green))
    for (const key of keys) {
      if (isOwn(key) || at.policies.policyFor(key) === "drop") continue;
      found.count += 1;
      if (found.first.length < 5) found.first.push(key);
    }
  return found;
}
