import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

/** A value of a configuration file; `undefined` leaves the line out. */
export type Scalar = string | number | boolean | undefined;

/** Reads a file that travels to the server as it is; `new URL("./x.sh", import.meta.url)` names it. */
export function template(url: URL): string {
  return readFileSync(url, "utf8");
}

/** First 16 hex digits of the SHA-256, as everywhere in Bascule. */
export function shortHash(text: string | Buffer): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

/** One `key<separator>value` per line, keys sorted. */
export function keyValues(values: Record<string, Scalar>, separator: string): string {
  return Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}${separator}${value}\n`)
    .join("");
}

/** `[section]` blocks in the order given, keys sorted; a list repeats its key, as systemd wants it. */
export function ini(sections: Record<string, Record<string, Scalar | string[]>>, separator = "="): string {
  const blocks = Object.entries(sections).map(([name, values]) => {
    const lines = Object.entries(values)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([key, value]) => (Array.isArray(value) ? value : [value]).map((item) => ({ key, item })))
      .filter(({ item }) => item !== undefined)
      .map(({ key, item }) => `${key}${separator}${item}\n`);
    return `[${name}]\n${lines.join("")}`;
  });
  return blocks.join("\n");
}

/** `KEY="value"` lines as systemd's EnvironmentFile reads them, keys sorted. */
export function environmentFile(values: Record<string, string>): string {
  const quoted = Object.entries(values).map(([key, value]) => [key, `"${value.replace(/["\\$`]/g, "\\$&")}"`]);
  return keyValues(Object.fromEntries(quoted), "=");
}

/** The host of a URL as a socket takes it: an IPv6 address without its brackets. */
export function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, "");
}

/** What stands in a part of an address. @returns undefined where a `%` in it begins nothing */
export function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
