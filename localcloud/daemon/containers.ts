import Docker from "dockerode";
import { coreAddresses, INSTANCE_LABEL, SLOTS } from "../instance.ts";
import { UserError } from "./errors.ts";

/** Throws, with the next command, unless a Docker engine answers. */
export async function assertEngine(): Promise<void> {
  try {
    await new Docker().ping();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UserError(`no Docker engine answers (${reason})`, "npx node tools/cli.ts containers");
  }
}

/** Ids of the instance's containers, running or not. */
export async function containersOf(name: string): Promise<string[]> {
  const found = await new Docker().listContainers({ all: true, filters: { label: [`${INSTANCE_LABEL}=${name}`] } });
  return found.map((container) => container.Id);
}

/** Stops what a killed daemon left running; how many that were. */
export async function stopContainers(name: string): Promise<number> {
  const docker = new Docker();
  const running = await docker.listContainers({ filters: { label: [`${INSTANCE_LABEL}=${name}`] } });
  await Promise.all(running.map((container) => docker.getContainer(container.Id).stop()));
  return running.length;
}

/** The slot whose core network an instance has at the engine; for when the instance's own record is lost. */
export async function slotAtEngine(name: string): Promise<number | null> {
  const networks = await new Docker().listNetworks({ filters: { label: [`${INSTANCE_LABEL}=${name}`] } });
  const subnets = networks.flatMap((network) => network.IPAM?.Config ?? []).map((config) => config.Subnet);
  const slot = Array.from({ length: SLOTS }, (_, index) => index).find((index) =>
    subnets.includes(coreAddresses(index).subnet),
  );
  return slot ?? null;
}
