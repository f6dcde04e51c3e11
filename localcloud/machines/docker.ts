import type Docker from "dockerode";
import type { FastifyBaseLogger } from "fastify";
import type { Instance } from "../instance.ts";
import { Containers } from "./containers.ts";
import { bootableImages, type EngineInfo, engineInfo, imageId, openDocker } from "./engine.ts";
import { Helper } from "./helper.ts";
import { namesOf } from "./names.ts";
import { PrivateNetworks } from "./private-networks.ts";
import { PublicNetworks } from "./public-networks.ts";
import { resetInstance } from "./reset.ts";
import type { MachineFilter, MachineSpec, MachineState, Machines, PrivateNic } from "./types.ts";
import { ensureVolumeStore } from "./volume-store.ts";
import { Volumes } from "./volumes.ts";

type Log = Pick<FastifyBaseLogger, "info" | "warn">;

/** The servers, networks and volumes of an instance as Docker's containers, networks and volumes. */
export function createDockerMachines(instance: Instance, log: Log): Machines {
  return new DockerMachines(openDocker(), instance, log);
}

class DockerMachines implements Machines {
  readonly #docker: Docker;
  readonly #log: Log;
  readonly #names: ReturnType<typeof namesOf>;
  readonly #containers: Containers;
  readonly #networks: PrivateNetworks;
  readonly #addresses: PublicNetworks;
  readonly #helper: Helper;
  readonly #volumes: Volumes;
  #info: Promise<EngineInfo> | undefined;

  constructor(docker: Docker, instance: Instance, log: Log) {
    this.#docker = docker;
    this.#log = log;
    this.#names = namesOf(instance);
    this.#containers = new Containers(docker, this.#names);
    this.#networks = new PrivateNetworks(docker, this.#names);
    this.#addresses = new PublicNetworks(docker, this.#names);
    this.#helper = new Helper(docker, instance, this.#names);
    this.#volumes = new Volumes(this.#helper, this.#containers);
  }

  async createServer(spec: MachineSpec): Promise<void> {
    const started = performance.now();
    try {
      await this.#make(spec);
      await this.#helper.openLanes();
      if (spec.start) {
        await this.#containers.start(spec.id);
      }
    } catch (error) {
      // Half a server would hold its name and its address.
      await this.deleteServer(spec.id).catch((cause) => this.#log.warn({ server: spec.id, err: cause }, "left behind"));
      throw error;
    }
    this.#log.info({ server: spec.id, milliseconds: Math.round(performance.now() - started) }, "server created");
  }

  async deleteServer(id: number): Promise<void> {
    await this.#containers.remove(id);
    await this.#addresses.delete(id);
    await this.#volumes.release(id);
  }

  async powerOn(id: number): Promise<void> {
    // After a restart of this machine the rules are gone and the servers are off.
    await this.#helper.openLanes();
    await this.#containers.start(id);
  }

  async powerOff(id: number): Promise<void> {
    await this.#containers.kill(id);
  }

  async shutdown(id: number): Promise<void> {
    await this.#containers.stop(id);
  }

  async freeze(id: number): Promise<void> {
    await this.#containers.freeze(id);
  }

  async thaw(id: number): Promise<void> {
    await this.#containers.thaw(id);
  }

  async reboot(id: number): Promise<void> {
    await this.#containers.restart(id);
  }

  async rebuild(spec: MachineSpec, nics: PrivateNic[]): Promise<void> {
    await this.#make(spec);
    for (const nic of nics) {
      await this.#networks.attach(spec.id, nic);
    }
    await this.#volumes.restore(spec.id);
    if (spec.start) {
      await this.#containers.start(spec.id);
    }
  }

  async changeAddress(id: number, ipv4: string | null): Promise<void> {
    await this.#addresses.create(id, ipv4, await this.#engine());
    await this.#addresses.attach(id, ipv4);
  }

  async changeType(id: number, memoryMiB: number, cores: number): Promise<void> {
    await this.#containers.limit(id, memoryMiB, cores, await this.#engine());
  }

  async createNetwork(id: number, ipRange: string): Promise<void> {
    await this.#networks.create(id, ipRange);
  }

  async deleteNetwork(id: number): Promise<void> {
    await this.#networks.delete(id);
  }

  async attachNetwork(serverId: number, nic: PrivateNic): Promise<void> {
    await this.#networks.attach(serverId, nic);
  }

  async detachNetwork(serverId: number, networkId: number): Promise<void> {
    await this.#networks.detach(serverId, networkId);
  }

  async createVolume(id: number): Promise<void> {
    await this.#volumes.create(id);
  }

  async deleteVolume(id: number): Promise<void> {
    await this.#volumes.delete(id);
  }

  async attachVolume(serverId: number, volumeId: number): Promise<void> {
    await this.#volumes.attach(serverId, volumeId);
  }

  async detachVolume(serverId: number, volumeId: number): Promise<void> {
    await this.#volumes.detach(serverId, volumeId);
  }

  async applyFilters(filters: MachineFilter[]): Promise<void> {
    await this.#helper.apply(filters);
  }

  states(): Promise<MachineState[]> {
    return this.#containers.states();
  }

  images(): Promise<string[]> {
    return bootableImages(this.#docker);
  }

  async reset(): Promise<void> {
    await resetInstance(this.#docker, this.#names, this.#helper, this.#log);
  }

  /** Network and container of a server, not started; what an interrupted call left under its name goes. */
  async #make(spec: MachineSpec): Promise<void> {
    // Asked before anything is removed: a rebuild from an image that is not there must not cost the old disk.
    const [info, image] = await Promise.all([this.#engine(), imageId(this.#docker, spec.image)]);
    await Promise.all([this.#containers.remove(spec.id), ensureVolumeStore(this.#docker, this.#names)]);
    await this.#addresses.create(spec.id, spec.ipv4, info);
    await this.#containers.create(spec, image, info);
  }

  #engine(): Promise<EngineInfo> {
    this.#info ??= engineInfo(this.#docker).catch((error) => {
      this.#info = undefined;
      throw error;
    });
    return this.#info;
  }
}
