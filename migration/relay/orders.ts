import type { Lead } from "./relay.ts";

/** What the mover wants of the relay; it outlives both. */
export interface Order extends Lead {
  /** Answered by this in the note. */
  id: string;
}

/** How the relay is, written when it has obeyed and about once a second. */
export interface RelayNote {
  /** Milliseconds since 1970. */
  at: number;
  answered: string;
  side: Lead["side"];
  connections: number;
}

/** The files of both, in the mover's folder. */
export const ORDER = "relay.json";
export const NOTE = "relay-note.json";
