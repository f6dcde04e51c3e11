/** Properties are camelCase, the API is snake_case; map keys are data and stay as they are. */
import { assumptions } from "../compare.ts";
import type { Inputs, Type } from "../define.ts";
import { encode, isObject, type Json, type Properties, type Value } from "../values.ts";
import type { Fields } from "./client.ts";

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function camel(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** Name of a property at the API. */
export function wireName(inputs: Inputs, name: string): string {
  return inputs[name]?.wire ?? snake(name);
}

/** An object for the API. */
export function toWire(inputs: Inputs, properties: Properties): Fields {
  const fields: Fields = {};
  for (const [name, value] of Object.entries(properties)) {
    if (value !== undefined && inputs[name] !== undefined) {
      fields[wireName(inputs, name)] = valueToWire(value, inputs[name].type);
    }
  }
  return fields;
}

function valueToWire(value: Value, type: Type): Json {
  if (typeof type === "string") return encode(value);
  if (Array.isArray(value)) {
    const of = "list" in type ? type.list : "set" in type ? type.set : "any";
    return value.map((item) => valueToWire(item, of));
  }
  if (isObject(value) && "object" in type) return toWire(type.object, { ...assumptions(type.object), ...value });
  return encode(value);
}

/** Properties from an object of the API; null is absent. */
export function fromWire(inputs: Inputs, fields: Fields): Properties {
  const properties: Properties = {};
  for (const [name, input] of Object.entries(inputs)) {
    const value = fields[wireName(inputs, name)];
    if (value !== undefined && value !== null) properties[name] = valueFromWire(value, input.type);
  }
  return properties;
}

function valueFromWire(value: Json, type: Type): Value {
  if (Array.isArray(value)) {
    const of = typeof type === "string" ? "any" : "list" in type ? type.list : "set" in type ? type.set : "any";
    return value.map((item) => valueFromWire(item, of));
  }
  if (typeof value !== "object" || value === null || typeof type === "string") return value;
  if ("object" in type) return fromWire(type.object, value);
  if ("map" in type) {
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, valueFromWire(item, type.map)]));
  }
  return value;
}

/** Any value of the API with camelCase names, for outputs that need no description. */
export function plainFromWire(value: Json): Value {
  if (Array.isArray(value)) return value.map(plainFromWire);
  if (typeof value !== "object" || value === null) return value;
  const known = Object.entries(value).filter(([, item]) => item !== null);
  return Object.fromEntries(known.map(([name, item]) => [camel(name), plainFromWire(item)]));
}
