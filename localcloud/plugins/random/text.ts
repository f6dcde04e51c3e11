/** Passwords and strings: random letters of the wanted kinds. */
import { randomInt } from "node:crypto";
import { type Context, type InputsOf, resource } from "../define.ts";
import type { Properties } from "../values.ts";
import { bcrypt } from "./bcrypt.ts";

const SPECIAL = "!@#$%&*()-_=+[]{}<>:?";
const LOWER = "abcdefghijklmnopqrstuvwxyz";
const UPPER = LOWER.toUpperCase();
const NUMERIC = "0123456789";

const inputs = {
  keepers: { type: { map: "string" }, replace: true },
  length: { type: "integer", required: true, replace: true },
  lower: { type: "boolean", assumed: true, replace: true },
  upper: { type: "boolean", assumed: true, replace: true },
  numeric: { type: "boolean", computed: true, replace: true },
  number: { type: "boolean", computed: true, replace: true },
  special: { type: "boolean", assumed: true, replace: true },
  minLower: { type: "integer", assumed: 0, replace: true },
  minUpper: { type: "integer", assumed: 0, replace: true },
  minNumeric: { type: "integer", assumed: 0, replace: true },
  minSpecial: { type: "integer", assumed: 0, replace: true },
  overrideSpecial: { type: "string", replace: true },
} as const;

type Wanted = InputsOf<typeof inputs>;

function check(given: Properties): { property: string; reason: string }[] {
  const { length } = given;
  if (typeof length !== "number") return [];
  if (length < 1) return [{ property: "length", reason: `'length' must be at least 1, not ${length}` }];
  const least = ["minLower", "minUpper", "minNumeric", "minSpecial"].reduce((sum, name) => {
    const value = given[name];
    return sum + (typeof value === "number" ? value : 0);
  }, 0);
  if (least <= length) return [];
  return [{ property: "length", reason: `'length' is ${length}, but the minima add up to ${least}` }];
}

function generate(wanted: Wanted): string {
  const numeric = wanted.numeric ?? wanted.number ?? true;
  const special = wanted.overrideSpecial || SPECIAL;
  const kinds: [boolean, string, number][] = [
    [wanted.lower, LOWER, wanted.minLower],
    [wanted.upper, UPPER, wanted.minUpper],
    [numeric, NUMERIC, wanted.minNumeric],
    [wanted.special, special, wanted.minSpecial],
  ];
  const all = kinds.map(([on, letters]) => (on ? letters : "")).join("");
  if (all === "") throw new Error("the character set is empty: allow lower, upper, numeric or special");
  const letters: string[] = [];
  for (const [, from, least] of kinds) for (let n = 0; n < least; n++) letters.push(pick(from));
  while (letters.length < wanted.length) letters.push(pick(all));
  for (let at = letters.length - 1; at > 0; at--) {
    const other = randomInt(at + 1);
    [letters[at], letters[other]] = [letters[other] ?? "", letters[at] ?? ""];
  }
  return letters.join("");
}

function pick(letters: string): string {
  return letters[randomInt(letters.length)] ?? "";
}

function describe(wanted: Wanted, result: string): Properties {
  const numeric = wanted.numeric ?? wanted.number ?? true;
  return { ...wanted, numeric, number: numeric, result };
}

/** What an import knows: the text, and that nothing was ruled out. */
function imported(result: string): Properties {
  const minima = { minLower: 0, minUpper: 0, minNumeric: 0, minSpecial: 0 };
  return {
    length: result.length,
    lower: true,
    upper: true,
    special: true,
    numeric: true,
    number: true,
    ...minima,
    result,
  };
}

async function gone(): Promise<void> {
  // Random values live in the state only.
}

export const RandomPassword = resource<null>()({
  inputs,
  outputs: { result: { secret: true }, bcryptHash: { secret: true } },
  schemaVersion: 3,
  check,
  async create(_: Context<null>, wanted) {
    const result = generate(wanted);
    return { id: "none", state: { ...describe(wanted, result), bcryptHash: bcrypt(result) } };
  },
  async read(_, id, state) {
    if (state.result !== undefined) return { id, state };
    return { id: "none", state: { ...imported(id), bcryptHash: bcrypt(id) } };
  },
  delete: gone,
});

export const RandomString = resource<null>()({
  inputs,
  outputs: { result: {} },
  schemaVersion: 2,
  check,
  async create(_: Context<null>, wanted) {
    const result = generate(wanted);
    return { id: result, state: describe(wanted, result) };
  },
  async read(_, id, state) {
    return { id, state: state.result === undefined ? imported(id) : state };
  },
  delete: gone,
});
