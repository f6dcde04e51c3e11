import type { Side } from "../side.ts";
import type { Path, Sessions } from "./path.ts";

/** One of two paths, asked anew each time: which one it is may be known only after the first look at both servers. */
export class ChosenPath implements Path {
  readonly #chosen: () => Path;

  constructor(chosen: () => Path) {
    this.#chosen = chosen;
  }

  get from(): Side {
    return this.#chosen().from;
  }

  prepare(at: Sessions): Promise<void> {
    return this.#chosen().prepare(at);
  }

  start(at: Sessions): Promise<void> {
    return this.#chosen().start(at);
  }

  stop(at: Sessions): Promise<void> {
    return this.#chosen().stop(at);
  }

  trouble(at: Sessions): Promise<string | undefined> {
    return this.#chosen().trouble(at);
  }

  holds(at: Sessions, lsn: string, waitMs?: number): Promise<boolean> {
    return this.#chosen().holds(at, lsn, waitMs);
  }
}
