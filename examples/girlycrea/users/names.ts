import { Resolver } from "node:dns/promises";

/** An address with the seconds it may be used for. */
export interface Answer {
  address: string;
  ttl: number;
}

/** The users' view of the name: what one DNS server said, for exactly as long as it said. */
export class NameCache {
  readonly #resolve: () => Promise<Answer[]>;
  readonly #now: () => number;
  #address: string | undefined;
  #validUntil = 0;
  #asking: Promise<string> | undefined;

  constructor(resolve: () => Promise<Answer[]>, now: () => number = () => performance.now()) {
    this.#resolve = resolve;
    this.#now = now;
  }

  /** @throws when the time is up and the server does not answer: a stale address is not an answer */
  async address(): Promise<string> {
    if (this.#address !== undefined && this.#now() < this.#validUntil) return this.#address;
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #ask(): Promise<string> {
    const answers = await this.#resolve();
    const first = answers[0];
    if (!first) throw new Error("the name has no address");
    // Of several addresses the one in use stays, or users would jump between them at every lookup.
    const kept = answers.find(({ address }) => address === this.#address) ?? first;
    this.#address = kept.address;
    this.#validUntil = this.#now() + Math.min(...answers.map(({ ttl }) => ttl)) * 1_000;
    return kept.address;
  }
}

/** Asks one server only, whatever the machine's own resolver thinks. */
export function lookupAt(server: string, name: string): () => Promise<Answer[]> {
  const resolver = new Resolver({ timeout: 1_500, tries: 3 });
  resolver.setServers([server]);
  return () => resolver.resolve4(name, { ttl: true });
}
