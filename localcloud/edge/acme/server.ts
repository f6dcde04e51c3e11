import type { Store } from "../../daemon/store.ts";
import type { CoreAddresses } from "../../instance.ts";
import type { CoreContainers } from "../containers.ts";
import type { Acme } from "../types.ts";
import { until } from "../until.ts";
import { DIRECTORY_CA, directoryUrl, ROOT_COMMAND, renderAcmeStart, renderPebbleConfig } from "./config.ts";

const ANSWERS_WITHIN_MS = 20_000;

/** A root the ACME server had once; it makes a new one at every start. */
interface Root {
  id: number;
  pem: string;
}

/** The ACME server of the instance. */
export class AcmeServer {
  readonly #containers: CoreContainers;
  readonly #core: CoreAddresses;
  readonly #store: Store;
  #startedAt = "";
  #directoryCa = "";

  constructor(containers: CoreContainers, core: CoreAddresses, store: Store) {
    this.#containers = containers;
    this.#core = core;
    this.#store = store;
  }

  async start(): Promise<void> {
    const config = { path: "/etc/pebble/pebble.json", content: renderPebbleConfig() };
    await this.#containers.ensureRunning("acme", renderAcmeStart(this.#core), [config]);
    await this.refresh();
  }

  /** Learns the root anew when the server has been started since, also when it crashed and came back by itself. */
  async refresh(): Promise<void> {
    const startedAt = await this.#containers.startedAt("acme");
    if (startedAt === this.#startedAt) {
      return;
    }
    await until(
      "the ACME server",
      ANSWERS_WITHIN_MS,
      () => this.#learnRoot(),
      () => this.#containers.lastWords("acme"),
    );
    this.#directoryCa = await this.#containers.run("acme", ["cat", DIRECTORY_CA]);
    this.#startedAt = startedAt;
  }

  /**
   * The roots of all starts, the present one first: what was signed before a restart stays good until it expires, on servers too,
   * which renew in their own time.
   */
  describe(): Acme {
    const roots = this.#roots()
      .all()
      .sort((a, b) => b.id - a.id);
    return {
      directory: directoryUrl(this.#core),
      directoryCa: this.#directoryCa,
      rootCa: roots.map((root) => root.pem).join(""),
    };
  }

  async #learnRoot(): Promise<boolean> {
    let pem: string;
    try {
      pem = `${(await this.#containers.run("acme", ROOT_COMMAND)).trim()}\n`;
    } catch {
      return false;
    }
    if (this.#roots().find((root) => root.pem === pem) === undefined) {
      this.#roots().put({ id: this.#store.nextId(), pem });
    }
    return true;
  }

  #roots() {
    return this.#store.collection<Root>("edge.roots");
  }
}
