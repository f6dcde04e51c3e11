import { Resolver } from "node:dns/promises";
import type { CoreAddresses } from "../../instance.ts";
import type { CoreContainers } from "../containers.ts";
import { until } from "../until.ts";
import { renderDnsStart, renderPdnsConf, SQL_COMMAND } from "./config.ts";
import { renderPurge, renderSql } from "./sql.ts";
import type { ZoneContent } from "./zone.ts";

const ANSWERS_WITHIN_MS = 20_000;

/** The authoritative DNS server of the instance. */
export class DnsServer {
  readonly #containers: CoreContainers;
  readonly #core: CoreAddresses;
  /** What was pushed, by zone; undefined while nobody knows what the database holds. */
  #pushed: Map<string, string> | undefined;
  #serial = 0;
  /** Pushes go one after the other, so that the last one asked for is the one that stays. */
  #queue: Promise<void> = Promise.resolve();

  constructor(containers: CoreContainers, core: CoreAddresses) {
    this.#containers = containers;
    this.#core = core;
  }

  async start(): Promise<void> {
    this.#pushed = undefined;
    const config = { path: "/etc/powerdns/pdns.conf", content: renderPdnsConf() };
    await this.#containers.ensureRunning("dns", renderDnsStart(), [config]);
    await until(
      "the DNS server",
      ANSWERS_WITHIN_MS,
      () => this.#answers(),
      () => this.#containers.lastWords("dns"),
    );
  }

  /** Brings the database in line; only zones that differ from what was pushed before are sent. */
  push(zones: ZoneContent[]): Promise<void> {
    const pushed = this.#queue.then(() => this.#push(zones));
    this.#queue = pushed.catch(() => undefined);
    return pushed;
  }

  async #push(zones: ZoneContent[]): Promise<void> {
    const present = new Map(zones.map((zone) => [zone.name, JSON.stringify(zone.rows)]));
    const before = this.#pushed;
    const changed = zones.filter((zone) => before?.get(zone.name) !== present.get(zone.name));
    const removed = [...(before?.keys() ?? [])].filter((name) => !present.has(name));
    if (changed.length === 0 && removed.length === 0) {
      return;
    }
    this.#serial = Math.max(this.#serial + 1, Math.floor(Date.now() / 1000));
    const purge = before === undefined ? renderPurge([...present.keys()]) : "";
    this.#pushed = undefined;
    await this.#containers.run("dns", SQL_COMMAND, purge + renderSql(changed, removed, this.#serial));
    this.#pushed = present;
  }

  async #answers(): Promise<boolean> {
    const resolver = new Resolver({ timeout: 300, tries: 1 });
    resolver.setServers([this.#core.dns]);
    try {
      await resolver.resolve4("localcloud.test");
      return true;
    } catch (error) {
      // A refusal is an answer too: there is no zone yet.
      return (
        error instanceof Error && "code" in error && ["EREFUSED", "ENOTFOUND", "ENODATA"].includes(String(error.code))
      );
    }
  }
}
