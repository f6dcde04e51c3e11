import type Docker from "dockerode";
import {
  connect,
  createBridge,
  disconnect,
  inspectNetwork,
  ipam,
  RangeTaken,
  removeNetwork,
  subnetOf,
} from "./docker-networks.ts";
import { run } from "./engine.ts";
import type { Names } from "./names.ts";
import { nicEntries, nicOffEntries, nicScript } from "./nic.ts";
import { overlap } from "./ranges.ts";
import { tarOf } from "./seed.ts";
import type { PrivateNic } from "./types.ts";

/** What the network is at the API; Docker itself does not know. */
const RANGE_LABEL = "localcloud.range";
/** Docker's own ranges for private networks, 198.19.0.0/24 to 198.19.255.0/24: beside the blocks of the instances. */
const CARRIERS = Array.from({ length: 256 }, (_, third) => `198.19.${third}.0/24`);

/**
 * Private networks. Docker hands out a range once per machine, but two instances may run the same program, and at the provider two networks may
 * have the same range: so the bridge gets some free range of Docker's (the carrier), and the server itself puts the address
 * it was promised in the place of Docker's, when the NIC appears and at every boot. The network's own gateway does not answer.
 */
export class PrivateNetworks {
  readonly #docker: Docker;
  readonly #names: Names;

  constructor(docker: Docker, names: Names) {
    this.#docker = docker;
    this.#names = names;
  }

  async create(id: number, ipRange: string): Promise<void> {
    const name = this.#names.network(id);
    const present = await inspectNetwork(this.#docker, name);
    if (present === undefined) {
      await this.#create(id, ipRange);
    } else if (present.Labels?.[RANGE_LABEL] !== ipRange) {
      throw new Error(`Docker network ${name} has the range ${present.Labels?.[RANGE_LABEL]}, not ${ipRange}`);
    }
  }

  async delete(id: number): Promise<void> {
    await removeNetwork(this.#docker, this.#names.network(id));
  }

  async attach(serverId: number, nic: PrivateNic): Promise<void> {
    const name = this.#names.network(nic.networkId);
    const network = await inspectNetwork(this.#docker, name);
    const carrier = network && subnetOf(network);
    const range = network?.Labels?.[RANGE_LABEL];
    if (carrier === undefined || range === undefined) {
      throw new Error(`there is no Docker network ${name} to attach server ${serverId} to`);
    }
    const address = `${nic.ip}/${range.split("/")[1]}`;
    const container = this.#docker.getContainer(this.#names.server(serverId));
    await container.putArchive(tarOf(nicEntries(nic.networkId, carrier, address)), { path: "/" });
    await connect(this.#docker, name, this.#names.server(serverId), null);
    if ((await container.inspect()).State.Running) {
      await run(container, ["sh", "-euc", nicScript(carrier, address)]);
    }
  }

  async detach(serverId: number, networkId: number): Promise<void> {
    const server = this.#names.server(serverId);
    await disconnect(this.#docker, this.#names.network(networkId), server);
    await this.#docker.getContainer(server).putArchive(tarOf(nicOffEntries(networkId)), { path: "/" });
  }

  /** Other instances look for a free carrier at the same time; the engine decides who gets it. */
  async #create(id: number, ipRange: string): Promise<void> {
    const networks = await this.#docker.listNetworks();
    const taken = networks.flatMap(({ IPAM }) => (IPAM?.Config ?? []).flatMap(({ Subnet }) => Subnet ?? []));
    for (const carrier of CARRIERS.filter((each) => !taken.some((other) => overlap(each, other)))) {
      try {
        await createBridge(this.#docker, {
          Name: this.#names.network(id),
          Internal: true,
          IPAM: ipam(carrier),
          Options: { "com.docker.network.bridge.name": this.#names.bridge(id) },
          Labels: { ...this.#names.labels, [RANGE_LABEL]: ipRange },
        });
        return;
      } catch (error) {
        if (!(error instanceof RangeTaken)) {
          throw error;
        }
      }
    }
    throw new Error(`no range in 198.19.0.0/16 is left for network ${id}; look: docker network ls`);
  }
}
