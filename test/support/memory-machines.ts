import type {
  MachineFilter,
  MachineSpec,
  MachineState,
  Machines,
  PrivateNic,
} from "../../localcloud/machines/types.ts";

/** Machines that only remember, for tests of the API alone. `slow` makes every change of a server wait for `release`. */
export class MemoryMachines implements Machines {
  readonly specs = new Map<number, MachineSpec>();
  readonly running = new Map<number, boolean>();
  readonly nics = new Map<number, PrivateNic[]>();
  readonly networks = new Map<number, string>();
  readonly volumes = new Map<number, number | null>();
  /** What was asked for, in order. */
  readonly calls: string[] = [];
  filters: MachineFilter[] = [];
  bootable = ["debian-12", "debian-13"];
  /** Thrown by the next change of a server. */
  nextFailure: Error | null = null;
  #gate: Promise<void> | null = null;
  #open: () => void = () => undefined;

  hold(): void {
    this.#gate = new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  release(): void {
    this.#gate = null;
    this.#open();
  }

  async createServer(spec: MachineSpec): Promise<void> {
    await this.#enter(`createServer ${spec.id}`);
    this.specs.set(spec.id, spec);
    this.running.set(spec.id, spec.start);
  }

  async deleteServer(id: number): Promise<void> {
    await this.#enter(`deleteServer ${id}`);
    this.specs.delete(id);
    this.running.delete(id);
    this.nics.delete(id);
  }

  async powerOn(id: number): Promise<void> {
    await this.#enter(`powerOn ${id}`);
    this.running.set(id, true);
  }

  async powerOff(id: number): Promise<void> {
    await this.#enter(`powerOff ${id}`);
    this.running.set(id, false);
  }

  async freeze(id: number): Promise<void> {
    await this.#enter(`freeze ${id}`);
  }

  async thaw(id: number): Promise<void> {
    await this.#enter(`thaw ${id}`);
  }

  async shutdown(id: number): Promise<void> {
    await this.#enter(`shutdown ${id}`);
    this.running.set(id, false);
  }

  async reboot(id: number): Promise<void> {
    await this.#enter(`reboot ${id}`);
  }

  async rebuild(spec: MachineSpec, nics: PrivateNic[]): Promise<void> {
    await this.#enter(`rebuild ${spec.id}`);
    this.specs.set(spec.id, spec);
    this.nics.set(spec.id, nics);
    this.running.set(spec.id, spec.start);
  }

  async changeAddress(id: number, ipv4: string | null): Promise<void> {
    await this.#enter(`changeAddress ${id} ${ipv4}`);
  }

  async changeType(id: number, memoryMiB: number, cores: number): Promise<void> {
    await this.#enter(`changeType ${id} ${memoryMiB} ${cores}`);
  }

  async createNetwork(id: number, ipRange: string): Promise<void> {
    this.networks.set(id, ipRange);
  }

  async deleteNetwork(id: number): Promise<void> {
    this.networks.delete(id);
  }

  async attachNetwork(serverId: number, nic: PrivateNic): Promise<void> {
    await this.#enter(`attachNetwork ${serverId} ${nic.networkId} ${nic.ip}`);
    this.nics.set(serverId, [...(this.nics.get(serverId) ?? []), nic]);
  }

  async detachNetwork(serverId: number, networkId: number): Promise<void> {
    await this.#enter(`detachNetwork ${serverId} ${networkId}`);
    const left = (this.nics.get(serverId) ?? []).filter((nic) => nic.networkId !== networkId);
    this.nics.set(serverId, left);
  }

  async createVolume(id: number): Promise<void> {
    await this.#enter(`createVolume ${id}`);
    this.volumes.set(id, null);
  }

  async deleteVolume(id: number): Promise<void> {
    this.volumes.delete(id);
  }

  async attachVolume(serverId: number, volumeId: number): Promise<void> {
    await this.#enter(`attachVolume ${serverId} ${volumeId}`);
    this.volumes.set(volumeId, serverId);
  }

  async detachVolume(_serverId: number, volumeId: number): Promise<void> {
    this.volumes.set(volumeId, null);
  }

  async applyFilters(filters: MachineFilter[]): Promise<void> {
    this.filters = structuredClone(filters);
  }

  async states(): Promise<MachineState[]> {
    return [...this.running].map(([id, running]) => ({ id, running }));
  }

  async images(): Promise<string[]> {
    return this.bootable;
  }

  async reset(): Promise<void> {
    this.calls.push("reset");
    for (const kept of [this.specs, this.running, this.nics, this.networks, this.volumes]) {
      kept.clear();
    }
  }

  async #enter(call: string): Promise<void> {
    this.calls.push(call);
    await this.#gate;
    const failure = this.nextFailure;
    this.nextFailure = null;
    if (failure !== null) {
      throw failure;
    }
  }
}
