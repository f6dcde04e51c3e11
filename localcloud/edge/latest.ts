/**
 * Runs a job one at a time. Whoever asks while it runs waits for one more run, shared by all who ask meanwhile: each caller's
 * promise covers what was true when it asked.
 */
export class LatestWins {
  readonly #job: () => Promise<void>;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(job: () => Promise<void>) {
    this.#job = job;
  }

  run(): Promise<void> {
    if (this.#running === undefined) {
      return this.#start();
    }
    // The job ahead may fail; its own callers hear of it, ours must run all the same.
    this.#next ??= this.#running.catch(() => undefined).then(() => this.#start());
    return this.#next;
  }

  #start(): Promise<void> {
    this.#next = undefined;
    const running = this.#job().finally(() => {
      if (this.#running === running) {
        this.#running = undefined;
      }
    });
    this.#running = running;
    return running;
  }
}
