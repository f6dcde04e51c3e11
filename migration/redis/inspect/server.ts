import type { Found } from "../../inspection.ts";
import { formatBytes } from "../../postgres/inspect/format.ts";
import { readClock } from "../expiry.ts";
import type { Server } from "../server.ts";
import { type Check, info } from "./check.ts";

const OLDEST = 6;
const CLOCKS_APART_MS = 1_000;

export const serverChecks: Check[] = [
  ...(["blue", "green"] as const).flatMap((side): Check[] => [
    { id: `server.${side}`, side, run: (at) => version(at[side]) },
    { id: `role.${side}`, side, run: (at) => role(at[side]) },
    { id: `databases.${side}`, side, run: (at) => databases(at[side]) },
    { id: `eviction.${side}`, side, run: (at) => eviction(at[side]) },
  ]),
  {
    id: "clocks",
    side: "both",
    async run({ blue, green }) {
      const [one, other] = await Promise.all([readClock(blue), readClock(green)]);
      const apart = Math.abs(one - other);
      if (apart <= CLOCKS_APART_MS) return [];
      return [
        {
          level: "setting",
          what: `the clocks are ${(apart / 1_000).toFixed(1)} s apart, and keys go at a moment of the clock`,
          where: "both",
          remedy: "set the clocks by NTP: timedatectl set-ntp true",
        },
      ];
    },
  },
];

async function version(server: Server): Promise<Found[]> {
  const about = await info(server, "server");
  const valkey = about.get("valkey_version");
  const number = valkey ?? about.get("redis_version") ?? "unknown";
  const upstash = about.get("upstash_version");
  const name = upstash !== undefined ? `Upstash ${upstash}, as Redis` : valkey !== undefined ? "Valkey" : "Redis";
  const where = server.side;
  if (Number.parseInt(number, 10) < OLDEST)
    return [{ level: "blocks", what: `${name} ${number} is too old`, where, remedy: `bring it to ${OLDEST} or later` }];
  return [{ level: "info", what: `${name} ${number}`, where, remedy: "" }];
}

async function role(server: Server): Promise<Found[]> {
  const where = server.side;
  const found: Found[] = [];
  if ((await info(server, "replication")).get("role") === "slave")
    found.push({ level: "blocks", what: "this is a replica", where, remedy: "give the address of its primary" });
  if ((await info(server, "cluster")).get("cluster_enabled") === "1")
    found.push({
      level: "blocks",
      what: "this is a node of a cluster, and keys are looked for on one server",
      where,
      remedy: "give the address of a server without cluster mode",
    });
  return found;
}

async function databases(server: Server): Promise<Found[]> {
  const ours = `db${server.access.db ?? 0}`;
  const others = [...(await info(server, "keyspace")).entries()].filter(([name]) => name !== ours);
  return others.map(([name, what]) => ({
    level: server.side === "blue" ? "blocks" : "info",
    what: `logical database ${name} has keys, too (${what.split(",")[0]}), and this move is for ${ours}`,
    where: server.side,
    remedy: server.side === "blue" ? `move its keys to ${ours} or empty it; a second move may be made for it` : "",
  }));
}

async function eviction(server: Server): Promise<Found[]> {
  const memory = await info(server, "memory");
  const policy = memory.get("maxmemory_policy") ?? "noeviction";
  const most = Number(memory.get("maxmemory") ?? 0);
  const used = Number(memory.get("used_memory") ?? 0);
  const limit = most === 0 ? "no limit" : formatBytes(most);
  const where = server.side;
  const level = server.side === "green" && most > 0 && policy !== "noeviction" ? "setting" : "info";
  return [
    {
      level,
      what: `${formatBytes(used)} of memory in use, ${limit}, ${policy}${level === "setting" ? ": keys that were carried may be dropped" : ""}`,
      where,
      remedy:
        level === "setting"
          ? "CONFIG SET maxmemory-policy noeviction, or keep what is copied on a server of its own"
          : "",
    },
  ];
}
