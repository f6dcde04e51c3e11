import { readJson, writeJson } from "../../files.ts";
import type { Progress } from "../../redis/follower.ts";
import type { Proof } from "../../redis/promise.ts";
import type { Side } from "../../side.ts";

/** What the service shall do about the keys; each has an id, by which the note answers it. */
export type KeysWish = { id: string } & (
  | { do: "rest" }
  /** With `discard` keys go that only green has, before anything is carried. */
  | { do: "follow"; discard: boolean }
  | { do: "switch"; to: Side; budgetMs: number; drainMs: number }
  | { do: "commit" }
);

/** A switch that was made. */
export interface KeysSwitch {
  to: Side;
  at: string;
  freezeMs: number;
  /** `compared` where every key to copy was the same on both sides while nobody could write. */
  proof: Proof;
  compared: number;
  /** What was kept of the promise of each prefix. */
  promises: string[];
}

/** How the service is with the keys, written about once a second and at every change. */
export interface KeysNote {
  /** Milliseconds since 1970. */
  at: number;
  /** `waiting`: it cannot go on by now; `why` says more. */
  state: "resting" | "waiting" | "copying" | "following" | "switching";
  writer?: Side;
  progress?: Progress;
  /** When both servers last took part in a round, in milliseconds since 1970: what was said of them is as old as that. */
  heard?: number;
  why?: string;
  /** The wish that is fulfilled, or was refused. */
  answered: string;
  /** Of that wish: why it was not fulfilled, and whether something was begun and put back. */
  refused?: { kind: "refused" | "reverted" | "failed"; message: string };
  /** The switch under way, or the last one. */
  began?: string;
  lines: { line: string; what: string; ms: number }[];
  /** Newest first. */
  switches: KeysSwitch[];
}

/** How the verbs and the service speak of the keys. */
export class KeysMailbox {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  get wish(): KeysWish {
    return readJson<KeysWish>(this.#folder, "keys.json") ?? { id: "", do: "rest" };
  }

  set wish(wish: KeysWish) {
    writeJson(this.#folder, "keys.json", wish);
  }

  /** Undefined before the service's first word. */
  get note(): KeysNote | undefined {
    return readJson<KeysNote>(this.#folder, "keys-note.json");
  }

  set note(note: KeysNote) {
    writeJson(this.#folder, "keys-note.json", note, note.state === "switching");
  }
}
