/** Checks inputs against their description: unknown and missing names, types, defaults, names to make up. */
import { createHash, randomBytes } from "node:crypto";
import type { Inputs, Resource, Type } from "./define.ts";
import { Blob, decode, isObject, type Properties, Unknown, type Value } from "./values.ts";

export interface Failure {
  property: string;
  reason: string;
}

/** The note of defaulted inputs which providers built on Terraform's keep in every object of the state. */
export const DEFAULTS = "__defaults";

/** Inputs made complete and brought to their types, and what is wrong with them. */
export function checkInputs(
  inputs: Inputs,
  given: Properties,
  notesDefaults: boolean,
  path = "",
): { inputs: Properties; failures: Failure[] } {
  const failures: Failure[] = [];
  const checked: Properties = {};
  const defaulted: Value[] = [];
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || value === null || name.startsWith("__")) continue;
    const input = inputs[name];
    if (input === undefined) failures.push({ property: path + name, reason: unexpected(path + name, name, inputs) });
    else if (input.refused !== undefined)
      failures.push({ property: path + name, reason: `'${path}${name}' is not supported here: ${input.refused}` });
    else checked[name] = coerce(value, input.type, path + name, notesDefaults, failures);
  }
  for (const [name, input] of Object.entries(inputs)) {
    if (checked[name] !== undefined || failures.some((failure) => failure.property === path + name)) continue;
    if (input.default !== undefined) {
      checked[name] = decode(input.default);
      defaulted.push(name);
    } else if (input.required) {
      failures.push({ property: path + name, reason: `Missing required property '${path}${name}'` });
    }
  }
  if (notesDefaults) checked[DEFAULTS] = defaulted;
  return { inputs: checked, failures };
}

function unexpected(path: string, name: string, inputs: Inputs): string {
  const names = Object.keys(inputs).filter((known) => inputs[known]?.refused === undefined);
  const near = names.find((known) => known.toLowerCase() === name.toLowerCase() || distance(known, name) <= 2);
  const hint = near === undefined ? `known here: ${names.sort().join(", ")}` : `did you mean '${near}'?`;
  return `Unexpected property '${path}': ${hint}`;
}

/** How many letters to change to get from one word to the other. */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let i = 1; i <= one.length; i++) {
    const next = [i];
    for (let j = 1; j <= other.length; j++) {
      const swap = (row[j - 1] ?? 0) + (one[i - 1] === other[j - 1] ? 0 : 1);
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, swap));
    }
    row = next;
  }
  return row[other.length] ?? 0;
}

/** The value in its type; numbers and flags may come as text, as the SDK sends ids and provider settings. */
function coerce(value: Value, type: Type, path: string, notesDefaults: boolean, failures: Failure[]): Value {
  if (value instanceof Unknown || value instanceof Blob || type === "any") return value;
  if (typeof type === "string") return coerceScalar(value, type, path, failures);
  const structured = typeof value === "string" ? parsed(value) : value;
  if ("object" in type) {
    if (!isObject(structured)) return wrong(path, "an object", value, failures);
    const inner = checkInputs(type.object, structured, notesDefaults, `${path}.`);
    failures.push(...inner.failures);
    return inner.inputs;
  }
  if ("map" in type) {
    if (!isObject(structured)) return wrong(path, "a map", value, failures);
    const entries = Object.entries(structured).filter(([name]) => !name.startsWith("__"));
    return Object.fromEntries(
      entries.map(([name, item]) => [
        name,
        coerce(item ?? null, type.map, `${path}["${name}"]`, notesDefaults, failures),
      ]),
    );
  }
  if (!Array.isArray(structured)) return wrong(path, "a list", value, failures);
  const of = "list" in type ? type.list : type.set;
  return structured.map((item, index) => coerce(item, of, `${path}[${index}]`, notesDefaults, failures));
}

function parsed(text: string): Value {
  try {
    return decode(JSON.parse(text));
  } catch {
    return text;
  }
}

function coerceScalar(value: Value, type: string, path: string, failures: Failure[]): Value {
  if (type === "string") {
    if (typeof value === "number" || typeof value === "boolean") return String(value);
    return typeof value === "string" ? value : wrong(path, "a string", value, failures);
  }
  if (type === "boolean") {
    if (value === "true" || value === true) return true;
    return value === "false" || value === false ? false : wrong(path, "a boolean", value, failures);
  }
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  if (typeof number !== "number" || !Number.isFinite(number)) return wrong(path, "a number", value, failures);
  return type === "integer" && !Number.isInteger(number) ? wrong(path, "an integer", value, failures) : number;
}

function wrong(path: string, wanted: string, value: Value, failures: Failure[]): Value {
  const found = Array.isArray(value) ? "a list" : isObject(value) ? "an object" : `a ${typeof value}`;
  failures.push({ property: path, reason: `'${path}' must be ${wanted}, not ${found}` });
  return value;
}

export interface Naming {
  urn: string;
  seed: Uint8Array;
  /** A name the engine proposes by the stack's configuration, or the wish for none. */
  proposed?: string;
  disabled?: boolean;
}

/** Gives the resource a name if it has none: the old made-up one, else a fresh one that a saved plan repeats. */
export function nameInputs<C>(
  resource: Resource<C>,
  inputs: Properties,
  old: Properties,
  naming: Naming,
): Failure | undefined {
  const autoname = resource.autoname;
  if (autoname === undefined || inputs[autoname.property] !== undefined) return undefined;
  const { property, maxLength } = autoname;
  const kept = old[property];
  const notes = old[DEFAULTS];
  const wasMadeUp = !Array.isArray(notes) || notes.includes(property);
  if (typeof kept === "string" && wasMadeUp) inputs[property] = kept;
  else if (naming.proposed) inputs[property] = naming.proposed;
  else if (naming.disabled) return { property, reason: `Missing required property '${property}'` };
  else inputs[property] = freshName(naming, maxLength);
  const defaulted = inputs[DEFAULTS];
  if (Array.isArray(defaulted)) defaulted.push(property);
  return undefined;
}

function freshName({ urn, seed }: Naming, maxLength: number): string {
  const suffix =
    seed.length > 0 ? createHash("sha256").update(seed).update(urn).digest("hex") : randomBytes(4).toString("hex");
  const base = urn.split("::").at(-1) ?? "resource";
  return `${base.slice(0, maxLength - 8)}-${suffix.slice(0, 7)}`;
}
