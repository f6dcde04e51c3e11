import type { Found } from "../../inspection.ts";
import { formatBytes } from "../../postgres/inspect/format.ts";
import { sayUndeclared, Undeclared } from "../count.ts";
import { isOwn, type Rule } from "../policy.ts";
import { findForeignKeys } from "../records.ts";
import { showKey, text } from "../reply.ts";
import { scan } from "../scan.ts";
import type { Question, Server } from "../server.ts";
import { COPIED_TYPES } from "../typewise.ts";
import { type Check, type Inspected, info } from "./check.ts";
import { readsPayloads } from "./payload.ts";

/** How many keys are named where many are wrong. */
const NAMED = 5;

interface Count {
  keys: number;
  bytes: number;
}

/** What one look at every key of a side has found. */
export interface KeySurvey {
  byPrefix: Map<string, Count>;
  /** Keys no prefix covers. */
  uncovered: Undeclared;
  /** Of the keys to copy, by type. */
  types: Map<string, number>;
}

export const keyChecks: Check[] = [
  { id: "keys", side: "both", run: blueKeys },
  { id: "foreign-keys", side: "both", run: foreignKeys },
];

/** Looks at every key once: two commands for each of those to copy, and one for a thousand of the rest. */
export async function surveyKeys({ policies }: Pick<Inspected, "policies">, server: Server): Promise<KeySurvey> {
  const survey: KeySurvey = {
    byPrefix: new Map(policies.rules.map(({ prefix }) => [prefix, { keys: 0, bytes: 0 }])),
    uncovered: new Undeclared(),
    types: new Map(),
  };
  for await (const keys of scan(server)) {
    const copied: { key: Buffer; count: Count }[] = [];
    for (const key of keys.filter((one) => !isOwn(one))) {
      const rule = policies.ruleFor(key);
      const count = rule === undefined ? undefined : survey.byPrefix.get(rule.prefix);
      if (rule === undefined || count === undefined) {
        survey.uncovered.add(key);
      } else {
        count.keys += 1;
        if (rule.policy === "copy") copied.push({ key, count });
      }
    }
    const replies = await server.pipeline(
      copied.flatMap(({ key }): Question[] => [
        ["TYPE", key],
        ["MEMORY", "USAGE", key],
      ]),
    );
    for (const [at, { count }] of copied.entries()) {
      const [type, size] = [text(replies[2 * at]), replies[2 * at + 1]];
      if (type !== "none") survey.types.set(type, (survey.types.get(type) ?? 0) + 1);
      if (typeof size === "number") count.bytes += size;
    }
  }
  return survey;
}

async function blueKeys(at: Inspected): Promise<Found[]> {
  const { blue, green, policies } = at;
  const survey = await surveyKeys(at, blue);
  const counts = policies.rules.map((rule) => foundOf(rule, survey.byPrefix.get(rule.prefix) ?? { keys: 0, bytes: 0 }));
  return [...counts, ...uncovered(survey), ...(await types(at, survey)), ...(await room(green, survey))];
}

function foundOf({ prefix, policy }: Rule, { keys, bytes }: Count): Found {
  const size = bytes > 0 ? `, ${formatBytes(bytes)}` : "";
  return { level: "info", what: `${keys} keys${size}: ${policy}`, where: JSON.stringify(prefix), remedy: "" };
}

function uncovered({ uncovered: { counts } }: KeySurvey): Found[] {
  const what = sayUndeclared(counts);
  if (what === undefined) return [];
  return [{ level: "blocks", what, where: "blue", remedy: "declare a prefix for them: copy, drain or drop" }];
}

/** What only a payload can carry needs servers that read each other's, there and back. */
async function types({ blue, green }: Inspected, survey: KeySurvey): Promise<Found[]> {
  const odd = [...survey.types].filter(([type]) => !COPIED_TYPES.includes(type));
  const found: Found[] = [];
  for (const [from, to] of [
    [blue, green],
    [green, blue],
  ] as const) {
    const refusal = await readsPayloads(from, to);
    if (refusal === undefined) continue;
    found.push({
      level: "carried",
      what: `does not read the payloads of ${from.side} (${refusal}), so values are copied type by type, which is slower`,
      where: to.side,
      remedy: "",
    });
    found.push(
      ...odd.map(
        ([type, count]): Found => ({
          level: "blocks",
          what: `${count} keys of type ${type} cannot be carried from ${from.side} to ${to.side}`,
          where: to.side,
          remedy: "give both sides the same version and modules, or declare these keys drop",
        }),
      ),
    );
  }
  return found;
}

async function room(green: Server, survey: KeySurvey): Promise<Found[]> {
  const memory = await info(green, "memory");
  const most = Number(memory.get("maxmemory") ?? 0);
  const used = Number(memory.get("used_memory") ?? 0);
  const needed = [...survey.byPrefix.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  if (most === 0 || used + needed <= most) return [];
  return [
    {
      level: "blocks",
      what: `what is copied takes about ${formatBytes(needed)}, and ${formatBytes(Math.max(0, most - used))} are left`,
      where: "green",
      remedy: `CONFIG SET maxmemory ${Math.ceil((used + needed) * 1.25)}`,
    },
  ];
}

/** Keys of green that an earlier attempt of this move has not brought would be taken away or overwritten. */
async function foreignKeys({ green, blue, policies }: Inspected): Promise<Found[]> {
  const foreign = await findForeignKeys({ blue, green, policies });
  if (foreign.count === 0) return [];
  return [
    {
      level: "blocks",
      what: `${foreign.count} keys are there already: ${foreign.first.map(showKey).join(", ")}${foreign.count > NAMED ? ", ..." : ""}`,
      where: "green",
      remedy: "give an empty database, or delete them; keys to be dropped may stay",
    },
  ];
}
