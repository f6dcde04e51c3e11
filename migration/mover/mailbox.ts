import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readJson, writeJson } from "../files.ts";
import type { ApplierStatus } from "../postgres/applier/service.ts";

/** What the service shall do about the applier. */
export interface Wish {
  /** Answered by this in the note. */
  id: string;
  carry: boolean;
}

/** How the service is, written about once a second. */
export interface Note {
  pid: number;
  /** Milliseconds since 1970. */
  at: number;
  /** The wish that is fulfilled. */
  answered: string;
  applier: "resting" | "stopped" | ApplierStatus["state"];
  lag: ApplierStatus["lag"];
  /** Row changes carried since the applier began. */
  rows: number;
  /** Why the applier stopped or waits. */
  why?: string;
  /** Whether flips are watched over, and what came of the last one that was taken over. */
  watching: boolean;
  recovered?: string;
}

/** Of a note, in milliseconds. One of the future is as old as it is far: the clock was set back since. */
export function age({ at }: Note): number {
  return Math.abs(Date.now() - at);
}

/**
 * How the verbs and the service speak with each other: files in one folder, each written whole. They outlive both, and a start of
 * the machine, and need no right over systemd.
 */
export class Mailbox {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  get wish(): Wish {
    return readJson<Wish>(this.#folder, "applier.json") ?? { id: "", carry: false };
  }

  set wish(wish: Wish) {
    writeJson(this.#folder, "applier.json", wish);
  }

  /** Undefined before the service's first word. */
  get note(): Note | undefined {
    return readJson<Note>(this.#folder, "keeper.json");
  }

  set note(note: Note) {
    writeJson(this.#folder, "keeper.json", note);
  }

  /** Whether a flip is under way that shall be ended by somebody should its operator die. */
  get watch(): boolean {
    return existsSync(join(this.#folder, "watch"));
  }

  set watch(on: boolean) {
    const file = join(this.#folder, "watch");
    if (on) writeFileSync(file, "");
    else rmSync(file, { force: true });
  }
}
