import type { FastifyBaseLogger } from "fastify";
import { settingOf } from "../cloudflare/settings.ts";
import { type CloudflareState, cloudflareState } from "../cloudflare/state.ts";
import type { Store } from "../daemon/store.ts";
import { type CoreAddresses, coreAddresses, type Instance } from "../instance.ts";
import { openDocker } from "../machines/engine.ts";
import { Certificates } from "./acme/certificates.ts";
import { AcmeServer } from "./acme/server.ts";
import { CoreContainers, type Service } from "./containers.ts";
import { DnsServer } from "./dns/server.ts";
import { type Challenge, renderZones } from "./dns/zone.ts";
import { LatestWins } from "./latest.ts";
import { isThroughEdge, type Model, readModel } from "./model.ts";
import { renderCertificateList, renderHaproxy } from "./proxy/haproxy.ts";
import { PATHS } from "./proxy/paths.ts";
import { renderRoutes } from "./proxy/routes.ts";
import { type ProxyConfig, ProxyServer } from "./proxy/server.ts";
import type { Acme, Edge } from "./types.ts";

/** Certificates near their end are renewed at the first look after that. */
const LOOK_EVERY_MS = 12 * 3600 * 1000;
const SERVICES: readonly Service[] = ["edge", "acme", "dns"];

/** The data plane in containers on the core network of the instance. */
export function createDockerEdge(instance: Instance, store: Store, log: FastifyBaseLogger): Edge {
  return new DockerEdge(instance, store, log);
}

class DockerEdge implements Edge {
  readonly #core: CoreAddresses;
  readonly #state: CloudflareState;
  readonly #log: FastifyBaseLogger;
  readonly #containers: CoreContainers;
  readonly #dns: DnsServer;
  readonly #acme: AcmeServer;
  readonly #proxy: ProxyServer;
  readonly #certificates: Certificates;
  readonly #applying = new LatestWins(() => this.#apply());
  #look: NodeJS.Timeout | undefined;

  constructor(instance: Instance, store: Store, log: FastifyBaseLogger) {
    this.#core = coreAddresses(instance.slot);
    this.#state = cloudflareState(store);
    this.#log = log;
    this.#containers = new CoreContainers(openDocker(), instance, this.#core);
    this.#dns = new DnsServer(this.#containers, this.#core);
    this.#acme = new AcmeServer(this.#containers, this.#core, store);
    this.#proxy = new ProxyServer(this.#containers, this.#core);
    this.#certificates = new Certificates(store, log, (challenges) => this.#pushDns(challenges));
  }

  async start(): Promise<void> {
    await this.#raise();
    await this.apply();
    clearInterval(this.#look);
    this.#look = setInterval(() => void this.#lookAgain(), LOOK_EVERY_MS).unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#look);
    await Promise.all(SERVICES.map((service) => this.#containers.stop(service)));
  }

  apply(): Promise<void> {
    return this.#applying.run();
  }

  async acme(): Promise<Acme> {
    await this.#acme.refresh();
    return this.#acme.describe();
  }

  /** The proxy needs the roots, and the ACME server needs names to resolve: hence the order. */
  async #raise(): Promise<void> {
    await this.#containers.ensureNetwork();
    await this.#dns.start();
    await this.#pushDns();
    await this.#acme.start();
    await this.#proxy.start(this.#proxyConfig(readModel(this.#state)));
  }

  async #apply(): Promise<void> {
    try {
      await this.#follow();
    } catch (error) {
      if (await this.#containers.allRun(SERVICES)) {
        throw error;
      }
      this.#log.warn({ err: error }, "a container of the edge does not run; it is started again");
      await this.#raise();
      await this.#follow();
    }
  }

  async #follow(): Promise<void> {
    await this.#pushDns();
    await this.#certificates.ensure(zonesThroughEdge(readModel(this.#state)), () => this.acme());
    await this.#proxy.push(this.#proxyConfig(readModel(this.#state)));
  }

  async #pushDns(challenges: Challenge[] = []): Promise<void> {
    await this.#dns.push(renderZones(readModel(this.#state), this.#core, challenges));
  }

  #proxyConfig(model: Model): ProxyConfig {
    const kept = this.#certificates.all();
    const certificates = kept.map(({ id, certificate, key }) => ({
      file: `${PATHS.certificateFolder}/${id}.pem`,
      pem: `${certificate.trim()}\n${key.trim()}\n`,
    }));
    const list = kept.map(({ id }) => ({
      file: `${PATHS.certificateFolder}/${id}.pem`,
      minimum: minimumTls(model, id),
      names: [id, `*.${id}`],
    }));
    return {
      config: renderHaproxy(model),
      routes: renderRoutes(model),
      certificateList: renderCertificateList(list),
      certificates,
      roots: this.#acme.describe().rootCa,
    };
  }

  async #lookAgain(): Promise<void> {
    try {
      await this.apply();
    } catch (error) {
      this.#log.error({ err: error }, "the edge could not be looked after");
    }
  }
}

/** Zones in which something is proxied; the others need no certificate. */
function zonesThroughEdge(model: Model): string[] {
  return model.zones
    .filter(({ zone, records, balancers }) => [...records, ...balancers].some((item) => isThroughEdge(item, zone)))
    .map(({ zone }) => zone.name);
}

function minimumTls(model: Model, zoneName: string): string {
  const found = model.zones.find(({ zone }) => zone.name === zoneName);
  return found === undefined ? "1.0" : String(settingOf(found.zone, "min_tls_version"));
}
