import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
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
    return this.#read<Wish>("applier.json") ?? { id: "", carry: false };
  }

  set wish(wish: Wish) {
    this.#write("applier.json", wish);
  }

  /** Undefined before the service's first word. */
  get note(): Note | undefined {
    return this.#read<Note>("keeper.json");
  }

  set note(note: Note) {
    this.#write("keeper.json", note);
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

  #read<T>(name: string): T | undefined {
    try {
      return JSON.parse(readFileSync(join(this.#folder, name), "utf8")) as T;
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
      throw error;
    }
  }

  #write(name: string, content: unknown): void {
    const path = join(this.#folder, name);
    writeFileSync(`${path}.${process.pid}`, JSON.stringify(content), { mode: 0o600, flush: true });
    renameSync(`${path}.${process.pid}`, path);
  }
}
