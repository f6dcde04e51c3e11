/** Inputs that many resources share, and small conversions. */
import type { Properties } from "../values.ts";

/** The name, made up when the program gives none. */
export const name = { type: "string" } as const;
export const autoname = { property: "name", maxLength: 255 } as const;
/** Labels of resources whose official form leaves them out when empty. */
export const labels = { type: { map: "string" } } as const;
/** Labels of resources whose official form always shows them. */
export const shownLabels = { type: { map: "string" }, assumed: {} } as const;
export const flag = { type: "boolean", default: false } as const;

/** Ids are numbers at the API and text in the state. */
export function apiId(id: string): number {
  const number = Number(id);
  if (!Number.isInteger(number)) throw new Error(`'${id}' is not an id of the Hetzner API, which are numbers`);
  return number;
}

/** A list of numbers from a state. */
export function numbers(value: Properties[string]): number[] {
  return Array.isArray(value) ? value.map(Number) : [];
}

/** A list of strings from a state. */
export function strings(value: Properties[string]): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}
