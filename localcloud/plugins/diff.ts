/** What changed between two sets of inputs, and whether it replaces the resource. */
import { DEFAULTS } from "./check.ts";
import { fulfils, normal } from "./compare.ts";
import type { Input, Resource, Type } from "./define.ts";
import { canonical, decode, hasUnknown, isObject, type Properties, Unknown, type Value } from "./values.ts";

type Kind = "add" | "delete" | "update";

export interface Difference {
  /** Names of the inputs that changed. */
  changed: string[];
  /** Those whose change replaces. */
  replaces: string[];
  /** Path of every change, e.g. `rules[0].port`. */
  detailed: { path: string; kind: Kind; replace: boolean }[];
  deleteBeforeReplace: boolean;
}

/** Compares inputs by their types; what the program left out and the cloud filled is no change. */
export function diffInputs<C>(
  resource: Resource<C>,
  old: Properties,
  next: Properties,
  state: Properties = {},
  ignored: readonly string[] = [],
): Difference {
  const names = new Set([...Object.keys(old), ...Object.keys(next)].filter((name) => !name.startsWith("__")));
  const changed: string[] = [];
  for (const name of names) {
    const input = resource.inputs[name];
    if (ignored.includes(name)) continue;
    // Saying what the cloud has chosen anyway is no change either.
    const before = old[name] ?? (input?.computed ? state[name] : undefined);
    if (isSame(before, next[name], input)) continue;
    changed.push(name);
  }
  const replaces = changed.filter((name) => resource.inputs[name]?.replace || resource.update === undefined);
  const detailed = changed.flatMap((name) =>
    paths(name, old[name], next[name], resource.inputs[name]?.type ?? "any").map(({ path, kind }) => ({
      path,
      kind,
      replace: replaces.includes(name),
    })),
  );
  const deleteBeforeReplace = replaces.length > 0 && keepsItsName(resource, old, next);
  return { changed, replaces, detailed, deleteBeforeReplace };
}

function isSame(old: Value | undefined, next: Value | undefined, input: Input | undefined): boolean {
  if (hasUnknown(next)) return false;
  const type = input?.type ?? "any";
  if (old === undefined && next === undefined) return true;
  // Left out by the program, filled by the cloud: nothing to do.
  if (next === undefined && input?.computed) return true;
  const assumed = input?.assumed === undefined ? undefined : decode(input.assumed);
  if (normal(old ?? assumed, type) === normal(next ?? assumed, type)) return true;
  return old !== undefined && next !== undefined && fulfils(old, next, type);
}

/** The deepest paths that differ; a set or a whole new value counts as one. */
function paths(
  path: string,
  old: Value | undefined,
  next: Value | undefined,
  type: Type,
): { path: string; kind: Kind }[] {
  if (old === undefined) return [{ path, kind: "add" }];
  if (next === undefined) return [{ path, kind: "delete" }];
  if (next instanceof Unknown || (typeof type === "object" && "set" in type)) return [{ path, kind: "update" }];
  if (isObject(old) && isObject(next)) {
    const names = new Set([...Object.keys(old), ...Object.keys(next)].filter((name) => !name.startsWith("__")));
    return [...names].flatMap((name) => {
      const inner = innerType(type, name);
      if (next[name] === undefined && isComputed(type, name)) return [];
      if (!hasUnknown(next[name]) && normal(old[name], inner) === normal(next[name], inner)) return [];
      const step = /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? `${path}.${name}` : `${path}["${name}"]`;
      return paths(step, old[name], next[name], inner);
    });
  }
  if (Array.isArray(old) && Array.isArray(next)) {
    const inner = typeof type === "object" && "list" in type ? type.list : "any";
    return Array.from({ length: Math.max(old.length, next.length) }, (_, index) => index).flatMap((index) => {
      if (!hasUnknown(next[index]) && normal(old[index], inner) === normal(next[index], inner)) return [];
      return paths(`${path}[${index}]`, old[index], next[index], inner);
    });
  }
  return [{ path, kind: "update" }];
}

function isComputed(type: Type, name: string): boolean {
  return typeof type === "object" && "object" in type && type.object[name]?.computed === true;
}

function innerType(type: Type, name: string): Type {
  if (typeof type !== "object") return "any";
  if ("object" in type) return type.object[name]?.type ?? "any";
  return "map" in type ? type.map : "any";
}

/** A replacement under a name the program chose collides with the old one, so the old one goes first. */
function keepsItsName<C>(resource: Resource<C>, old: Properties, next: Properties): boolean {
  const property = resource.autoname?.property;
  const notes = next[DEFAULTS];
  if (property === undefined || !Array.isArray(notes)) return false;
  return !notes.includes(property) && canonical(old[property]) === canonical(next[property]);
}
