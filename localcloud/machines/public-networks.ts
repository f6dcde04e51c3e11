import type Docker from "dockerode";
import { connect, createBridge, inspectNetwork, ipam, removeNetwork, subnetOf } from "./docker-networks.ts";
import type { EngineInfo } from "./engine.ts";
import type { Names } from "./names.ts";
import { toAddress, toNumber } from "./ranges.ts";

const BITS = 29;
const SIZE = 2 ** (32 - BITS);
/** Engines from here on drop what other bridges send to an address, unless a network asks them not to. */
const DIRECT_ACCESS_REFUSED_SINCE = 28;

/** One Docker network per server, so that a server's public traffic always crosses this machine's packet filter. */
export class PublicNetworks {
  readonly #docker: Docker;
  readonly #names: Names;

  constructor(docker: Docker, names: Names) {
    this.#docker = docker;
    this.#names = names;
  }

  /** The network of a server's public address; for a server without one, a network that leads nowhere. */
  async create(serverId: number, ipv4: string | null, info: EngineInfo): Promise<void> {
    const name = this.#names.server(serverId);
    const present = await inspectNetwork(this.#docker, name);
    const subnet = ipv4 === null ? undefined : publicSubnet(ipv4);
    if (present !== undefined) {
      const same = subnet === undefined ? present.Internal : subnetOf(present) === subnet.cidr;
      if (same) {
        return;
      }
      await removeNetwork(this.#docker, name);
    }
    const common = { Name: name, Labels: this.#names.labels };
    if (subnet === undefined) {
      await createBridge(this.#docker, { ...common, Internal: true });
      return;
    }
    const options: Record<string, string> =
      Number.parseInt(info.ServerVersion, 10) >= DIRECT_ACCESS_REFUSED_SINCE
        ? { "com.docker.network.bridge.gateway_mode_ipv4": "nat-unprotected" }
        : {};
    await createBridge(this.#docker, { ...common, Options: options, IPAM: ipam(subnet.cidr, subnet.gateway) });
  }

  async attach(serverId: number, ipv4: string | null): Promise<void> {
    const name = this.#names.server(serverId);
    await connect(this.#docker, name, name, ipv4);
  }

  async delete(serverId: number): Promise<void> {
    await removeNetwork(this.#docker, this.#names.server(serverId));
  }
}

/** The /29 whose second host is the address; its first one is the gateway, this machine's own. */
export function publicSubnet(ipv4: string): { cidr: string; gateway: string } {
  const value = toNumber(ipv4);
  const base = value - (value % SIZE);
  if (value - base !== 2) {
    throw new Error(`${ipv4} is no address for a server: it must be the second host of a /${BITS}`);
  }
  return { cidr: `${toAddress(base)}/${BITS}`, gateway: toAddress(base + 1) };
}
