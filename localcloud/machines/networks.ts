import type Docker from "dockerode";
import { INSTANCE_LABEL } from "../instance.ts";
import { type EngineInfo, isMissing, unlessGone } from "./engine.ts";
import type { Names } from "./names.ts";
import type { PrivateNic } from "./types.ts";

const PUBLIC_BITS = 29;
/** Engines from here on drop what other bridges send to an address, unless a network asks them not to. */
const DIRECT_ACCESS_REFUSED_SINCE = 28;

/** The Docker networks of an instance: one /29 per public address, and one per private network. */
export class Networks {
  readonly #docker: Docker;
  readonly #names: Names;

  constructor(docker: Docker, names: Names) {
    this.#docker = docker;
    this.#names = names;
  }

  /** The network of a server's public address; for a server without one, a network that leads nowhere. */
  async createPublic(serverId: number, ipv4: string | null, info: EngineInfo): Promise<void> {
    const name = this.#names.server(serverId);
    const present = await inspect(this.#docker, name);
    const subnet = ipv4 === null ? undefined : publicSubnet(ipv4);
    if (present !== undefined) {
      if (present.Internal === (subnet === undefined) && (!subnet || subnetOf(present) === subnet.cidr)) {
        return;
      }
      await removeNetwork(this.#docker, name);
    }
    if (subnet === undefined) {
      await this.#create({ Name: name, Internal: true });
      return;
    }
    const options: Record<string, string> =
      Number.parseInt(info.ServerVersion, 10) >= DIRECT_ACCESS_REFUSED_SINCE
        ? { "com.docker.network.bridge.gateway_mode_ipv4": "nat-unprotected" }
        : {};
    await this.#create({ Name: name, Options: options, IPAM: ipam(subnet.cidr, subnet.gateway) });
  }

  async deletePublic(serverId: number): Promise<void> {
    await removeNetwork(this.#docker, this.#names.server(serverId));
  }

  /** Docker takes the first address of the range for its gateway, as the provider does. */
  async createPrivate(id: number, ipRange: string): Promise<void> {
    const name = this.#names.network(id);
    const present = await inspect(this.#docker, name);
    if (present === undefined) {
      await this.#create({ Name: name, Internal: true, IPAM: ipam(ipRange) });
    } else if (subnetOf(present) !== ipRange) {
      throw new Error(`the Docker network ${name} has the range ${subnetOf(present)}, not ${ipRange}`);
    }
  }

  async deletePrivate(id: number): Promise<void> {
    await removeNetwork(this.#docker, this.#names.network(id));
  }

  async attach(serverId: number, nic: PrivateNic): Promise<void> {
    await this.#connect(this.#names.network(nic.networkId), this.#names.server(serverId), nic.ip);
  }

  async detach(serverId: number, networkId: number): Promise<void> {
    await this.#disconnect(this.#names.network(networkId), this.#names.server(serverId));
  }

  async attachPublic(serverId: number, ipv4: string | null): Promise<void> {
    const name = this.#names.server(serverId);
    await this.#connect(name, name, ipv4);
  }

  async #connect(network: string, container: string, ip: string | null): Promise<void> {
    const { NetworkSettings } = await this.#docker.getContainer(container).inspect();
    const present = NetworkSettings.Networks[network];
    if (present !== undefined && (ip === null || present.IPAMConfig?.IPv4Address === ip)) {
      return;
    }
    if (present !== undefined) {
      await this.#disconnect(network, container);
    }
    const EndpointConfig = ip === null ? {} : { IPAMConfig: { IPv4Address: ip } };
    await this.#docker.getNetwork(network).connect({ Container: container, EndpointConfig });
  }

  async #disconnect(network: string, container: string): Promise<void> {
    await unlessGone(this.#docker.getNetwork(network).disconnect({ Container: container, Force: true }));
  }

  async #create(options: Docker.NetworkCreateOptions): Promise<void> {
    try {
      await this.#docker.createNetwork({
        ...options,
        Driver: "bridge",
        CheckDuplicate: true,
        Labels: this.#names.labels,
      });
    } catch (error) {
      const wanted = options.IPAM?.Config?.[0]?.Subnet;
      if (wanted !== undefined && error instanceof Error && /overlaps/i.test(error.message)) {
        throw new Error(await this.#explainOverlap(options.Name, wanted), { cause: error });
      }
      throw error;
    }
  }

  async #explainOverlap(name: string, subnet: string): Promise<string> {
    const networks = await this.#docker.listNetworks();
    const holders = networks.flatMap((network) => {
      const overlapping = (network.IPAM?.Config ?? []).filter((each) => each.Subnet && overlap(each.Subnet, subnet));
      const owner = network.Labels?.[INSTANCE_LABEL];
      const remedy = owner === undefined ? `docker network rm ${network.Name}` : `localcloud reset --name ${owner}`;
      return overlapping.map((each) => `${network.Name} (${each.Subnet}; remove it: ${remedy})`);
    });
    return (
      `Docker cannot make network ${name} with range ${subnet}: a range is there once per machine, ` +
      `and it overlaps with ${holders.join(", ") || "one that Docker does not list"}. Or take another range`
    );
  }
}

/** Removes a network; containers that still hang on it, also others', lose that interface. */
export async function removeNetwork(docker: Docker, name: string): Promise<void> {
  const present = await inspect(docker, name);
  if (present === undefined) {
    return;
  }
  const network = docker.getNetwork(present.Id);
  // The network itself lists running containers only; one that is off could never start again with a network that is gone.
  const attached = await docker.listContainers({ all: true, filters: { network: [present.Id] } });
  for (const Container of new Set([...attached.map(({ Id }) => Id), ...Object.keys(present.Containers ?? {})])) {
    await unlessGone(network.disconnect({ Container, Force: true }));
  }
  await unlessGone(network.remove());
}

async function inspect(docker: Docker, name: string): Promise<Docker.NetworkInspectInfo | undefined> {
  try {
    return await docker.getNetwork(name).inspect();
  } catch (error) {
    if (isMissing(error)) {
      return undefined;
    }
    throw error;
  }
}

/** The /29 whose second host is the address; its first one is the gateway, this machine's own. */
export function publicSubnet(ipv4: string): { cidr: string; gateway: string } {
  const value = toNumber(ipv4);
  const base = value - (value % 2 ** (32 - PUBLIC_BITS));
  if (value - base !== 2) {
    throw new Error(`${ipv4} is no address for a server: it must be the second host of a /${PUBLIC_BITS}`);
  }
  return { cidr: `${toAddress(base)}/${PUBLIC_BITS}`, gateway: toAddress(base + 1) };
}

function ipam(Subnet: string, Gateway?: string): Docker.IPAM {
  return { Driver: "default", Config: [Gateway === undefined ? { Subnet } : { Subnet, Gateway }] };
}

function subnetOf(network: Docker.NetworkInspectInfo): string | undefined {
  return network.IPAM?.Config?.[0]?.Subnet;
}

function overlap(a: string, b: string): boolean {
  const [first, second] = [range(a), range(b)];
  return first !== undefined && second !== undefined && first.from < second.to && second.from < first.to;
}

function range(cidr: string): { from: number; to: number } | undefined {
  const [address = "", bits = ""] = cidr.split("/");
  if (address.includes(":")) {
    return undefined;
  }
  const from = toNumber(address);
  return { from, to: from + 2 ** (32 - Number(bits)) };
}

function toNumber(address: string): number {
  return address.split(".").reduce((value, part) => value * 256 + Number(part), 0);
}

function toAddress(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join(".");
}
