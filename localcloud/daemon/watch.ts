import type { Hub } from "../hetzner/hub.ts";
import { observe } from "../hetzner/reconcile.ts";

const EVERY_MS = 3000;

/** Keeps an eye on the machines: servers halted from inside are off at the API too, and what an engine's crash stopped is started again. */
export class Watch {
  readonly #hub: Hub;
  readonly #bringUp: () => Promise<void>;
  #timer: NodeJS.Timeout | undefined;
  #looking = false;
  #engineLost = false;

  /** `bringUp` starts everything the state speaks of; it is called once the engine answers again. */
  constructor(hub: Hub, bringUp: () => Promise<void>) {
    this.#hub = hub;
    this.#bringUp = bringUp;
  }

  start(): void {
    this.#timer = setInterval(() => void this.look(), EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** One look; a second one while the first is still at it does nothing. */
  async look(): Promise<void> {
    if (this.#looking) {
      return;
    }
    this.#looking = true;
    try {
      await this.#look();
    } finally {
      this.#looking = false;
    }
  }

  async #look(): Promise<void> {
    const { log, machines } = this.#hub.context;
    try {
      if (!this.#engineLost) {
        await observe(this.#hub);
        return;
      }
      await machines.states();
      log.warn("the container engine answers again; everything is started again");
      await this.#bringUp();
      this.#engineLost = false;
    } catch (error) {
      if (!this.#engineLost) {
        log.error({ err: error }, "the container engine does not answer");
      }
      this.#engineLost = true;
    }
  }
}
