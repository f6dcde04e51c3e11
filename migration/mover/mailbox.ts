import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readJson, writeJson } from "../files.ts";
import type { ApplierStatus } from "../postgres/applier/service.ts";
import type { Side } from "../side.ts";

/** What the service shall do about the applier. */
export interface Wish {
  /** Answered by this in the note. */
  id: string;
  carry: boolean;
  /** The side whose changes it carries to the other one. */
  from: Side;
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
    return { id: "", carry: false, from: "green", ...readJson<Partial<Wish>>(this.#folder, "applier.json") };
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
    return this.#has("watch");
  }

  set watch(on: boolean) {
    this.#mark("watch", on);
  }

  /** Whether the service carries blue's changes as well, as green can make no subscription. */
  get pushes(): boolean {
    return this.#has("pushes");
  }

  set pushes(on: boolean) {
    this.#mark("pushes", on);
  }

  #has(name: string): boolean {
    return existsSync(join(this.#folder, name));
  }

  #mark(name: string, on: boolean): void {
    const file = join(this.#folder, name);
    if (on) writeFileSync(file, "");
    else rmSync(file, { force: true });
  }
}
