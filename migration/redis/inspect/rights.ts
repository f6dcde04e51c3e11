import type { Found } from "../../inspection.ts";
import { WORK_PREFIX } from "../carry.ts";
import type { Question, Server } from "../server.ts";
import { Tracker } from "../tracker.ts";
import type { Check, Inspected } from "./check.ts";

const PROBE = `${WORK_PREFIX}probe`;
const NOTICE_MS = 1_000;

/** What every move needs, shown by doing it to a key of ours. */
const NEEDED: Question[] = [
  ["SET", PROBE, "1"],
  ["GETSET", PROBE, "2"],
  ["PTTL", PROBE],
  ["TYPE", PROBE],
  ["EXISTS", PROBE],
  ["DUMP", PROBE],
  ["PEXPIREAT", PROBE, 4_102_444_800_000],
  ["RENAME", PROBE, PROBE],
  ["SCAN", "0", "COUNT", 1],
  ["DBSIZE"],
  ["TIME"],
  ["DEL", PROBE],
];

/** What a move does without where it is refused, and how. */
const WISHED: [Question, string][] = [
  [["MEMORY", "USAGE", PROBE], "values are fetched sixteen at a time, as their size is not known before"],
  [["CLIENT", "LIST"], "an operator that died is known by its lease alone, which lasts 15 s"],
  [["ACL", "WHOAMI"], "writers cannot be stopped by the server; the move needs a hold of the caller's"],
];

export const rightsChecks: Check[] = (["blue", "green"] as const).flatMap((side) => [
  { id: `rights.${side}`, side, run: (at) => rights(at[side]) },
  { id: `notifications.${side}`, side, run: (at) => notifications(at, at[side]) },
]);

async function rights(server: Server): Promise<Found[]> {
  const where = server.side;
  const replies = await server.pipeline(NEEDED);
  const refused = NEEDED.flatMap(([name], at) => (replies[at] instanceof Error ? [{ name, reply: replies[at] }] : []));
  const wished = await server.pipeline(WISHED.map(([question]) => question));
  return [
    ...refused.map(
      ({ name, reply }): Found => ({
        level: "blocks",
        what: `${name} is refused: ${reply.message}`,
        where,
        remedy: `ACL SETUSER <this user> ~* &* +${name.toLowerCase()}`,
      }),
    ),
    ...WISHED.flatMap(([[name, word], without], at): Found[] =>
      wished[at] instanceof Error
        ? [{ level: "info", what: `${name} ${word} is refused: ${without}`, where, remedy: "" }]
        : [],
    ),
  ];
}

/** Shown by a change of ours that comes back as a notification; where none does, by whether they can be switched on. */
async function notifications({ policies }: Inspected, server: Server): Promise<Found[]> {
  const where = server.side;
  const tracker = new Tracker(server, policies, "bascule");
  try {
    await tracker.listen();
    if (await tracker.barrier(NOTICE_MS)) return [];
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error);
    return [
      {
        level: "blocks",
        what: `notifications cannot be subscribed to: ${what}`,
        where,
        remedy: "ACL SETUSER <this user> &* +psubscribe",
      },
    ];
  } finally {
    tracker.close();
    await tracker.erase();
  }
  const refusal = await settable(server);
  if (refusal === undefined)
    return [
      { level: "carried", what: "notifications are off; the move switches them on and off again", where, remedy: "" },
    ];
  return [
    {
      level: "setting",
      what: `notifications are off and cannot be switched on (${refusal}): all keys would have to be looked at within the freeze`,
      where,
      remedy:
        "set notify-keyspace-events to EA, in the provider's console if need be; or say notified: false to do without",
    },
  ];
}

/** Set to what it is, which changes nothing. */
async function settable(server: Server): Promise<string | undefined> {
  const [got] = await server.pipeline([["CONFIG", "GET", "notify-keyspace-events"]]);
  if (got instanceof Error) return got.message;
  const value = Array.isArray(got) && Buffer.isBuffer(got[1]) ? got[1] : "";
  const [set] = await server.pipeline([["CONFIG", "SET", "notify-keyspace-events", value]]);
  return set instanceof Error ? set.message : undefined;
}
