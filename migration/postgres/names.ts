import type { Side } from "../side.ts";

/** The schema that holds what a move needs in either database: fence, marker, progress, journal. */
export const SCHEMA = "bascule";

/** What a server shows of the sessions of a watchdog. */
export const WATCHDOG = "bascule watchdog";

/** The same of the sessions of an applier. */
export const APPLIER = "bascule applier";

/** A name as SQL takes it, whatever it holds: quotes, capitals, an emoji. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function qualified(schema: string, name: string): string {
  return `${identifier(schema)}.${identifier(name)}`;
}

/** A text as SQL takes it where a parameter is not allowed. */
export function literal(text: string): string {
  const quoted = text.replaceAll("'", "''");
  return text.includes("\\") ? ` E'${quoted.replaceAll("\\", "\\\\")}'` : `'${quoted}'`;
}

/** One direction of replication: its publication and its slot on `from`, and the subscription on the other side, share this name. */
export function streamName(from: Side): string {
  return from === "blue" ? "bascule_blue_to_green" : "bascule_green_to_blue";
}
