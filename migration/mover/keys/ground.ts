import { isOwn, type Policies } from "../../redis/policy.ts";
import { list } from "../../redis/reply.ts";
import { scan } from "../../redis/scan.ts";
import { Server } from "../../redis/server.ts";
import type { Keys } from "./configuration.ts";

/** Both servers, by connections of their own that end with the work. */
export async function atBoth<T>(
  { move }: Pick<Keys, "move">,
  work: (at: { blue: Server; green: Server }) => Promise<T>,
): Promise<T> {
  const at = { blue: new Server("blue", move.access.blue), green: new Server("green", move.access.green) };
  try {
    return await work(at);
  } finally {
    at.blue.close();
    at.green.close();
  }
}

/**
 * Lets the application on green in at blue, by the hash of a password made for it, with what an application may; also after blue was
 * started anew and has forgotten it. What the user may is not touched where it is there: it may be closed.
 */
export function makeApp<T>(keys: Keys, then: (at: { blue: Server; green: Server }) => Promise<T>): Promise<T> {
  const { user, passwordHash, rights } = keys.app;
  return atBoth(keys, async (at) => {
    const known = (await at.blue.ask("ACL", "GETUSER", user)) !== null;
    const may = known ? [] : await understood(at.blue, rights);
    await at.blue.ask("ACL", "SETUSER", user, "on", "resetpass", `#${passwordHash}`, ...may);
    return then(at);
  });
}

/** An older server refuses a whole user for one command it does not have, such as SORT_RO before 7. */
async function understood(server: Server, rights: readonly string[]): Promise<string[]> {
  const single = rights.filter((right) => /^\+[a-z_]+$/.test(right));
  const about = list(await server.ask("COMMAND", "INFO", ...single.map((right) => right.slice(1))));
  return rights.filter((right) => !single.includes(right) || about[single.indexOf(right)] !== null);
}

/** Blue forgets it again. */
export async function dropApp(keys: Keys): Promise<void> {
  await atBoth(keys, ({ blue }) => blue.ask("ACL", "DELUSER", keys.app.user));
}

/** Takes the keys away that would be carried, and were made by somebody else than a move. */
export async function takeAway(server: Server, policies: Policies): Promise<void> {
  for await (const keys of scan(server)) {
    const gone = keys.filter((key) => !isOwn(key) && policies.policyFor(key) !== "drop");
    if (gone.length > 0) await server.ask("UNLINK", ...gone);
  }
}
