import { mkdirSync, readFileSync } from "node:fs";
import { open, rename } from "node:fs/promises";
import { dirname } from "node:path";

/** Things of one kind, in the order in which they were first put. Values are shared, not copied: change them by `put` or `patch`. */
export interface Collection<T> {
  get(id: number | string): T | undefined;
  all(): T[];
  find(predicate: (value: T) => boolean): T | undefined;
  put(value: T): T;
  /** Changes some keys; throws when nothing has this id. */
  patch(id: number | string, part: Partial<T>): T;
  remove(id: number | string): boolean;
}

interface Saved {
  sequence: number;
  collections: Record<string, unknown[]>;
}

/** Long enough to gather the changes of one request, short enough that a crash costs next to nothing. */
const WRITE_DELAY_MS = 30;
/** Ids start here so that nobody mistakes them for the fixed ids of images and locations. */
const FIRST_ID = 1001;

class Table<T extends { id: number | string }> implements Collection<T> {
  readonly #values: Map<string, T>;
  readonly #changed: () => void;

  constructor(values: T[], changed: () => void) {
    this.#values = new Map(values.map((value) => [String(value.id), value]));
    this.#changed = changed;
  }

  get(id: number | string): T | undefined {
    return this.#values.get(String(id));
  }

  all(): T[] {
    return [...this.#values.values()];
  }

  find(predicate: (value: T) => boolean): T | undefined {
    return this.all().find(predicate);
  }

  put(value: T): T {
    this.#values.set(String(value.id), value);
    this.#changed();
    return value;
  }

  patch(id: number | string, part: Partial<T>): T {
    const present = this.get(id);
    if (present === undefined) {
      throw new Error(`nothing has the id ${id}, so it cannot be changed`);
    }
    return this.put({ ...present, ...part });
  }

  remove(id: number | string): boolean {
    const removed = this.#values.delete(String(id));
    if (removed) {
      this.#changed();
    }
    return removed;
  }
}

/**
 * The state of one instance: typed collections kept in memory and mirrored to one JSON file. A write goes to a file beside it
 * first and is renamed into place, so that the file on disk is whole at any moment.
 */
export class Store {
  readonly #file: string;
  readonly #tables = new Map<string, { all(): unknown[] }>();
  #saved: Saved = { sequence: FIRST_ID, collections: {} };
  #timer: NodeJS.Timeout | undefined;
  #dirty = false;
  #writing: Promise<void> = Promise.resolve();

  constructor(file: string) {
    this.#file = file;
  }

  /** Reads what the last process left; a missing file is an empty store. */
  load(): void {
    mkdirSync(dirname(this.#file), { recursive: true, mode: 0o700 });
    try {
      this.#saved = JSON.parse(readFileSync(this.#file, "utf8"));
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") {
        return;
      }
      throw new Error(
        `${this.#file} cannot be read (${error}); remove everything of this instance with: localcloud reset`,
      );
    }
  }

  /** A number nothing in this instance has had before. */
  nextId(): number {
    const id = this.#saved.sequence;
    this.#saved.sequence += 1;
    this.#schedule();
    return id;
  }

  collection<T extends { id: number | string }>(name: string): Collection<T> {
    const present = this.#tables.get(name);
    if (present !== undefined) {
      return present as Table<T>;
    }
    const table = new Table<T>((this.#saved.collections[name] ?? []) as T[], () => this.#schedule());
    this.#tables.set(name, table);
    return table;
  }

  /** Everything changed so far is on disk when this resolves. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing = this.#writing.then(() => this.#write());
    await this.#writing;
  }

  #schedule(): void {
    this.#dirty = true;
    this.#timer ??= setTimeout(() => {
      this.flush().catch((error) => {
        process.emitWarning(`${this.#file} could not be written: ${error}`);
      });
    }, WRITE_DELAY_MS);
  }

  async #write(): Promise<void> {
    if (!this.#dirty) {
      return;
    }
    this.#dirty = false;
    const collections = { ...this.#saved.collections };
    for (const [name, table] of this.#tables) {
      collections[name] = table.all();
    }
    const beside = `${this.#file}.new`;
    try {
      const file = await open(beside, "w", 0o600);
      await file.writeFile(JSON.stringify({ sequence: this.#saved.sequence, collections }, null, 1));
      await file.sync();
      await file.close();
      await rename(beside, this.#file);
    } catch (error) {
      this.#dirty = true;
      throw error;
    }
  }
}
