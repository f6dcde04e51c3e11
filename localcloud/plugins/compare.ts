/** When two values of a type mean the same. */
import type { Inputs, Type } from "./define.ts";
import { Blob, canonical, decode, isObject, type Properties, type Value } from "./values.ts";

/**
 * Text that is equal for values that mean the same: sets sorted, what is left out as the provider takes it, the notes of
 * defaults dropped.
 */
export function normal(value: Value | undefined, type: Type): string {
  return canonical(strip(value, type));
}

function strip(value: Value | undefined, type: Type): Value {
  if (value === undefined) return null;
  // The same content is the same asset, wherever it lies: two checkouts must not undo each other.
  if (value instanceof Blob && value.fields.hash) return new Blob(value.kind, { hash: value.fields.hash });
  if (typeof type === "string") return isObject(value) ? withoutNotes(value, () => "any") : value;
  if (Array.isArray(value) && "list" in type) return value.map((item) => strip(item, type.list));
  if (Array.isArray(value) && "set" in type) {
    const items = value.map((item) => strip(item, type.set));
    return items.sort((one, other) => (canonical(one) < canonical(other) ? -1 : 1));
  }
  if (!isObject(value)) return value;
  if ("object" in type) {
    return withoutNotes({ ...assumptions(type.object), ...defined(value) }, (name) => type.object[name]?.type ?? "any");
  }
  return "map" in type ? withoutNotes(value, () => type.map) : value;
}

/** What the provider takes for inputs that are left out. */
export function assumptions(inputs: Inputs): Properties {
  const assumed: Properties = {};
  for (const [name, input] of Object.entries(inputs)) {
    if (input.assumed !== undefined) assumed[name] = decode(input.assumed);
  }
  return assumed;
}

function defined(value: Properties): Properties {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined && item !== null));
}

function withoutNotes(value: Properties, typeOf: (name: string) => Type): Properties {
  const plain: Properties = {};
  for (const [name, item] of Object.entries(value)) {
    if (name.startsWith("__") || item === undefined || item === null) continue;
    plain[name] = strip(item, typeOf(name));
  }
  return plain;
}

/** Is the live value what the program asked for? What it left to the cloud inside an object does not count. */
export function fulfils(live: Value | undefined, wanted: Value | undefined, type: Type): boolean {
  if (normal(live, type) === normal(wanted, type)) return true;
  if (typeof type === "string" || live === undefined || wanted === undefined) return false;
  if (Array.isArray(live) && Array.isArray(wanted)) {
    if (live.length !== wanted.length) return false;
    if ("list" in type) return live.every((item, index) => fulfils(item, wanted[index], type.list));
    if (!("set" in type)) return false;
    const left = [...live];
    return wanted.every((item) => {
      const at = left.findIndex((one) => fulfils(one, item, type.set));
      if (at >= 0) left.splice(at, 1);
      return at >= 0;
    });
  }
  if (!isObject(live) || !isObject(wanted) || !("object" in type)) return false;
  return Object.entries(type.object).every(([name, input]) => {
    const asked = wanted[name];
    if (asked === undefined && (input.computed || isEmpty(live[name]))) return true;
    const assumed = input.assumed === undefined ? undefined : decode(input.assumed);
    return fulfils(live[name] ?? assumed, asked ?? assumed, input.type);
  });
}

/** Says it nothing, the way APIs say nothing? */
export function isEmpty(value: Value | undefined): boolean {
  if (Array.isArray(value)) return value.length === 0;
  if (isObject(value)) return Object.values(value).every((item) => item === undefined || item === null);
  return value === undefined || value === null || value === "" || value === false || value === 0;
}
