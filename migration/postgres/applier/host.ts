import type { Stream } from "./applier.ts";
import type { ApplierHost } from "./path.ts";
import { type ApplierStatus, runApplier } from "./service.ts";

/** The applier inside this process: for a move that somebody watches, and for tests. For days it is a service of its own. */
export class LocalApplier implements ApplierHost {
  readonly #stream: Stream;
  readonly #tell: (status: ApplierStatus) => void;
  #running: { stop: AbortController; ended: Promise<void> } | undefined;
  #trouble: string | undefined;

  constructor(stream: Stream, tell: (status: ApplierStatus) => void = () => {}) {
    this.#stream = stream;
    this.#tell = tell;
  }

  async start(): Promise<void> {
    if (this.#running !== undefined) return;
    const stop = new AbortController();
    this.#trouble = undefined;
    const ended = runApplier(this.#stream, stop.signal, (status) => {
      this.#trouble = status.why;
      this.#tell(status);
    }).catch((error: unknown) => {
      this.#running = undefined;
      this.#trouble = error instanceof Error ? error.message : String(error);
    });
    this.#running = { stop, ended };
  }

  async stop(): Promise<void> {
    const running = this.#running;
    running?.stop.abort();
    await running?.ended;
    this.#running = undefined;
  }

  async trouble(): Promise<string | undefined> {
    return this.#trouble ?? (this.#running === undefined ? "the applier does not run" : undefined);
  }
}
