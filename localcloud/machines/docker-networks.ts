import type Docker from "dockerode";
import { INSTANCE_LABEL } from "../instance.ts";
import { isMissing, unlessGone } from "./engine.ts";
import { overlap } from "./ranges.ts";

export function ipam(Subnet: string, Gateway?: string): Docker.IPAM {
  return { Driver: "default", Config: [Gateway === undefined ? { Subnet } : { Subnet, Gateway }] };
}

export function subnetOf(network: Docker.NetworkInspectInfo): string | undefined {
  return network.IPAM?.Config?.[0]?.Subnet;
}

/** Docker hands out every range once per machine; this says that another network has it. */
export class RangeTaken extends Error {}

export async function createBridge(docker: Docker, options: Docker.NetworkCreateOptions): Promise<void> {
  try {
    await docker.createNetwork({ ...options, Driver: "bridge", CheckDuplicate: true });
  } catch (error) {
    const wanted = options.IPAM?.Config?.[0]?.Subnet;
    if (wanted !== undefined && error instanceof Error && /overlap/i.test(error.message)) {
      throw new RangeTaken(await explainOverlap(docker, options.Name, wanted), { cause: error });
    }
    throw error;
  }
}

async function explainOverlap(docker: Docker, name: string, subnet: string): Promise<string> {
  const networks = await docker.listNetworks();
  const holders = networks.flatMap((network) => {
    const overlapping = (network.IPAM?.Config ?? []).filter((each) => each.Subnet && overlap(each.Subnet, subnet));
    const owner = network.Labels?.[INSTANCE_LABEL];
    const remedy = owner === undefined ? `docker network rm ${network.Name}` : `localcloud reset --name ${owner}`;
    return overlapping.map((each) => `${network.Name} (${each.Subnet}). To remove that: ${remedy}`);
  });
  return `Docker network ${name} cannot have ${subnet}, it overlaps with ${holders.join(", with ") || "one that Docker does not list"}`;
}

export async function inspectNetwork(docker: Docker, name: string): Promise<Docker.NetworkInspectInfo | undefined> {
  try {
    return await docker.getNetwork(name).inspect();
  } catch (error) {
    if (isMissing(error)) {
      return undefined;
    }
    throw error;
  }
}

/** Removes a network; containers that still hang on it, also others', lose that interface. */
export async function removeNetwork(docker: Docker, name: string): Promise<void> {
  const present = await inspectNetwork(docker, name);
  if (present === undefined) {
    return;
  }
  // The network itself lists running containers only; one that is off could never start again with a network that is gone.
  const attached = await docker.listContainers({ all: true, filters: { network: [present.Id] } });
  for (const container of new Set([...attached.map(({ Id }) => Id), ...Object.keys(present.Containers ?? {})])) {
    await disconnect(docker, present.Id, container);
  }
  await unlessGone(docker.getNetwork(present.Id).remove());
}

/** Connects unless that is so already; `ip` is left to Docker when it is null. */
export async function connect(docker: Docker, network: string, container: string, ip: string | null): Promise<void> {
  const { NetworkSettings } = await docker.getContainer(container).inspect();
  const present = NetworkSettings.Networks[network];
  if (present !== undefined && (ip === null || present.IPAMConfig?.IPv4Address === ip)) {
    return;
  }
  if (present !== undefined) {
    await disconnect(docker, network, container);
  }
  const EndpointConfig = ip === null ? {} : { IPAMConfig: { IPv4Address: ip } };
  await docker.getNetwork(network).connect({ Container: container, EndpointConfig });
}

export async function disconnect(docker: Docker, network: string, container: string): Promise<void> {
  await unlessGone(docker.getNetwork(network).disconnect({ Container: container, Force: true }));
}
