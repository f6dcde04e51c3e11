import { X509Certificate } from "node:crypto";
import { Agent } from "node:https";
import * as acme from "acme-client";
import type { FastifyBaseLogger } from "fastify";
import type { Collection, Store } from "../../daemon/store.ts";
import type { Challenge } from "../dns/zone.ts";
import type { Acme } from "../types.ts";

/** The edge's certificate for one zone: its name and one level below it. */
export interface EdgeCertificate {
  /** Name of the zone. */
  id: string;
  /** Certificate and chain. */
  certificate: string;
  key: string;
}

const DAY_MS = 24 * 3600 * 1000;
const RENEW_BEFORE_MS = 30 * DAY_MS;
/** The client waits between its questions; the default of five seconds is for a server on the other side of the world. */
const POLL = { backoffAttempts: 50, backoffMin: 100, backoffMax: 500 };

/** Obtains the edge's certificates over ACME with DNS challenges and keeps them. */
export class Certificates {
  readonly #kept: Collection<EdgeCertificate>;
  readonly #log: FastifyBaseLogger;
  /** Puts these values into the DNS, and nothing else of this kind. */
  readonly #publish: (challenges: Challenge[]) => Promise<void>;
  readonly #challenges: Challenge[] = [];

  constructor(store: Store, log: FastifyBaseLogger, publish: (challenges: Challenge[]) => Promise<void>) {
    this.#kept = store.collection<EdgeCertificate>("edge.certificates");
    this.#log = log;
    this.#publish = publish;
  }

  all(): EdgeCertificate[] {
    return this.#kept.all();
  }

  /** Obtains what is missing or near its end, drops what no zone needs; a failure leaves a zone without, not all of them. */
  async ensure(zones: string[], server: () => Promise<Acme>): Promise<void> {
    for (const { id } of this.all().filter((kept) => !zones.includes(kept.id))) {
      this.#kept.remove(id);
    }
    for (const zone of zones.filter((name) => !this.#isGood(name))) {
      try {
        this.#kept.put(await this.#obtain(zone, await server()));
        this.#log.info({ zone }, "the edge has a certificate");
      } catch (error) {
        this.#log.error({ err: error, zone }, "the edge got no certificate");
      }
    }
  }

  #isGood(zone: string): boolean {
    const kept = this.#kept.get(zone);
    return (
      kept !== undefined && Date.parse(new X509Certificate(kept.certificate).validTo) > Date.now() + RENEW_BEFORE_MS
    );
  }

  async #obtain(zone: string, server: Acme): Promise<EdgeCertificate> {
    // The library has one HTTP client for all its calls; this process has one ACME server to talk to.
    acme.axios.defaults.httpsAgent = new Agent({ ca: server.directoryCa });
    acme.axios.defaults.proxy = false;
    const accountKey = await acme.crypto.createPrivateEcdsaKey();
    const client = new acme.Client({ directoryUrl: server.directory, accountKey, ...POLL });
    const names = [zone, `*.${zone}`];
    const [key, csr] = await acme.crypto.createCsr({ altNames: names }, await acme.crypto.createPrivateEcdsaKey());
    const certificate = await client.auto({
      csr,
      email: `edge@${zone}`,
      termsOfServiceAgreed: true,
      challengePriority: ["dns-01"],
      skipChallengeVerification: true,
      challengeCreateFn: async (authorization, _challenge, value) => {
        this.#challenges.push({ name: `_acme-challenge.${authorization.identifier.value}`, value });
        await this.#publish([...this.#challenges]);
      },
      challengeRemoveFn: async (authorization, _challenge, value) => {
        const name = `_acme-challenge.${authorization.identifier.value}`;
        const index = this.#challenges.findIndex((each) => each.name === name && each.value === value);
        this.#challenges.splice(index, index < 0 ? 0 : 1);
        await this.#publish([...this.#challenges]);
      },
    });
    return { id: zone, certificate, key: key.toString() };
  }
}
