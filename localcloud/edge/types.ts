/** Where certificates come from: an ACME server of the instance's own. */
export interface Acme {
  /** URL of the ACME directory. */
  directory: string;
  /** PEM of the authority behind the directory's own TLS; an ACME client must trust it to talk to the directory. */
  directoryCa: string;
  /**
   * PEM of the roots that have signed certificates, the present one first. The ACME server makes a new one at every start; the former
   * ones stay in the list, so that what they signed is good until it expires.
   */
  rootCa: string;
}

/**
 * The data plane of the Cloudflare API: DNS answers, proxied traffic, certificates. The API room speaks only this interface;
 * `createDockerEdge` of `edge.ts` is its one implementation, and tests of the API alone use one in memory.
 */
export interface Edge {
  /** Makes or wakes the core network and the containers, and resolves when all of them answer and obey the store. */
  start(): Promise<void>;
  /** Stops the containers; their disks stay, `start` wakes them. */
  stop(): Promise<void>;
  /** Resolves when the data plane obeys what the store held at the time of the call. */
  apply(): Promise<void>;
  acme(): Promise<Acme>;
}
