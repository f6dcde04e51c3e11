import { isOwn, type Policies, type Rule } from "./policy.ts";
import { showKey } from "./reply.ts";
import { scan } from "./scan.ts";
import type { Server } from "./server.ts";

/** How many keys a side has of each prefix. */
export interface KeyCount {
  /** False when the time was over before; then there are at least so many. */
  complete: boolean;
  declared: (Rule & { keys: number })[];
  /** Keys no prefix covers, by what they begin with, the most of them first. */
  undeclared: { begin: string; keys: number }[];
}

/** More beginnings than this are no prefixes but names. */
const MOST_BEGINNINGS = 1_000;
const REST = "others";

/** Counts the keys of a side by prefix: one command for about a thousand keys, and no look at any of them. */
export async function countKeys(
  server: Server,
  policies: Policies,
  deadline = Number.POSITIVE_INFINITY,
): Promise<KeyCount> {
  const declared = new Map(policies.rules.map((rule) => [rule, 0]));
  const undeclared = new Undeclared();
  const result = (complete: boolean): KeyCount => ({
    complete,
    declared: [...declared].map(([rule, keys]) => ({ ...rule, keys })),
    undeclared: undeclared.counts,
  });
  for await (const keys of scan(server)) {
    for (const key of keys) {
      if (isOwn(key)) continue;
      const rule = policies.ruleFor(key);
      if (rule === undefined) undeclared.add(key);
      else declared.set(rule, (declared.get(rule) ?? 0) + 1);
    }
    if (Date.now() > deadline) return result(false);
  }
  return result(true);
}

/** Keys no prefix covers, gathered by their beginning up to the first colon, as nearly everybody names keys. */
export class Undeclared {
  readonly #keys = new Map<string, number>();

  add(key: Buffer): void {
    const colon = key.indexOf(":");
    const begin = showKey(colon < 0 ? key : key.subarray(0, colon + 1));
    const name = this.#keys.has(begin) || this.#keys.size < MOST_BEGINNINGS ? begin : REST;
    this.#keys.set(name, (this.#keys.get(name) ?? 0) + 1);
  }

  get counts(): KeyCount["undeclared"] {
    return [...this.#keys].map(([begin, keys]) => ({ begin, keys })).sort((a, b) => b.keys - a.keys);
  }
}

const NAMED = 10;

/** As a sentence; undefined where every key has a policy. */
export function sayUndeclared(undeclared: KeyCount["undeclared"]): string | undefined {
  if (undeclared.length === 0) return undefined;
  const all = undeclared.reduce((sum, { keys }) => sum + keys, 0);
  const named = undeclared.slice(0, NAMED).map(({ begin, keys }) => `${keys} of ${begin}`);
  const more = undeclared.length > NAMED ? [`and ${undeclared.length - NAMED} other beginnings`] : [];
  return `${all} keys are covered by no prefix: ${[...named, ...more].join(", ")}`;
}
