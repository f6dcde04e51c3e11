import type { Side } from "../../side.ts";
import type { Database } from "../database.ts";
import { type Layout, rowsOf } from "./digest.ts";
import type { ComparedTable } from "./tables.ts";

export interface RowDifference {
  /** `id=7`, or the whole row where nothing tells rows apart. */
  key: string;
  what: "only on blue" | "only on green" | "differs";
}

export interface NamedRows {
  /** The first of the rows that differ. */
  named: RowDifference[];
  /** Whether no more than those differ. */
  all: boolean;
}

const MOST_NAMED = 100;
/** Chunks looked into; each has some hundred rows, and of tables that differ everywhere a few are enough. */
const MOST_CHUNKS = 16;
const LONGEST_KEY = 300;

/** Looks into the chunks that differ and names their rows. */
export async function nameRows(
  at: Record<Side, Database>,
  sides: Record<Side, ComparedTable>,
  layout: Layout,
  differing: readonly number[],
): Promise<NamedRows> {
  const chosen = differing.slice(0, MOST_CHUNKS);
  const blue = await hashesByKey(at.blue, sides.blue, layout, chosen);
  const green = await hashesByKey(at.green, sides.green, layout, chosen);
  const found = [...new Set([...blue.keys(), ...green.keys()])].flatMap((key): RowDifference[] => {
    const [one, two] = [blue.get(key)?.sort(), green.get(key)?.sort()];
    if (one?.join() === two?.join()) return [];
    const [ours, theirs] = [one?.length ?? 0, two?.length ?? 0];
    const what = ours > theirs ? "only on blue" : ours < theirs ? "only on green" : "differs";
    return [{ key: key.length > LONGEST_KEY ? `${key.slice(0, LONGEST_KEY)}...` : key, what }];
  });
  return { named: found.slice(0, MOST_NAMED), all: found.length <= MOST_NAMED && chosen.length === differing.length };
}

/** Rows without a key may be there several times, so each key has a list. */
async function hashesByKey(
  session: Database,
  table: ComparedTable,
  layout: Layout,
  chosen: readonly number[],
): Promise<Map<string, string[]>> {
  const hashes = new Map<string, string[]>();
  for await (const { key, hash } of rowsOf(session, table, layout, chosen)) {
    const known = hashes.get(String(key));
    if (known === undefined) hashes.set(String(key), [String(hash)]);
    else known.push(String(hash));
  }
  return hashes;
}
