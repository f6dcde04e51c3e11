import type { Finding, Inspection } from "../../inspection.ts";
import { AclFence } from "../../redis/fence.ts";
import { inspect } from "../../redis/inspect/inspect.ts";
import type { Keys } from "./configuration.ts";
import { atBoth } from "./ground.ts";

/** Looks at both servers of the keys; findings have `redis.` in front, so that they are not taken for the database's. */
export function inspectKeys(keys: Keys): Promise<Inspection> {
  return atBoth(keys, async (at) => {
    const { findings, checked } = await inspect({ ...at, policies: keys.move.policies });
    const isReached = !findings.some(({ id }) => id === "connection");
    const writers = isReached ? await writersOfBlue(keys, at) : [];
    const all = [...findings.map(inTheProduct), ...writers].map((finding) => ({
      ...finding,
      id: `redis.${finding.id}`,
    }));
    const ready = all.every(({ level }) => level === "carried" || level === "info");
    return { ready, findings: all, checked: [...checked, "writers"].map((id) => `redis.${id}`) };
  });
}

/** Whether those who write on blue can be kept from it, without which nothing is exact. */
async function writersOfBlue(
  { move: { writers }, app }: Keys,
  { blue, green }: Parameters<Parameters<typeof atBoth>[1]>[0],
): Promise<Finding[]> {
  try {
    await new AclFence(
      blue,
      green,
      writers.blue.filter((user) => user !== app.user),
    ).check();
    return [];
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error);
    const remedy =
      "name them in bascule:redis.blueUsers; bascule:blueRedisUrl needs a user of its own, with all rights";
    return [{ id: "writers", level: "blocks", what, where: "blue", remedy }];
  }
}

/** The same words as commands of this program, and what a move of ours sees to by itself. */
function inTheProduct(finding: Finding): Finding {
  const { id, level } = finding;
  if (id === "foreign-keys")
    return {
      ...finding,
      level: "carried",
      what: `${finding.what}; sync takes them away only when told so`,
      remedy: "",
    };
  if (level === "info" || level === "carried") return finding;
  if (id === "keys" && finding.where === "blue")
    return {
      ...finding,
      remedy: `pulumi config set --path 'bascule:redis.move["PREFIX"]' copy|drain|drop, then pulumi up`,
    };
  if (id === "keys" && finding.where === "green")
    return { ...finding, remedy: "pulumi config set --path bascule:redis.maxmemoryMiB MIB, then pulumi up" };
  if (id === "eviction.green")
    return { ...finding, remedy: "pulumi config set --path bascule:redis.policy noeviction, then pulumi up" };
  if (id.startsWith("notifications.")) return { ...finding, remedy: finding.remedy.replace(/; or say notified.*/, "") };
  return finding;
}
