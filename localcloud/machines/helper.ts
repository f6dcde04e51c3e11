import type Docker from "dockerode";
import type { Instance } from "../instance.ts";
import { EDGE_IMAGE, imageId, isConflict, isMissing, run, unlessDone } from "./engine.ts";
import { renderOpenLanes, renderRemoval } from "./host-rules.ts";
import type { Names } from "./names.ts";
import { renderPacketFilter } from "./packet-filter.ts";
import type { MachineFilter } from "./types.ts";
import { ensureVolumeStore } from "./volume-store.ts";

/** Where the helper sees the volumes of the instance. */
const VOLUMES = "/volumes";

/**
 * A container with the network of the host and the right to administer it: packet filters can be set by whoever may use Docker,
 * without being root. It also holds the volumes, for work on them while no server is near.
 */
export class Helper {
  readonly #docker: Docker;
  readonly #instance: Instance;
  readonly #names: Names;
  #container: Promise<Docker.Container> | undefined;

  constructor(docker: Docker, instance: Instance, names: Names) {
    this.#docker = docker;
    this.#instance = instance;
    this.#names = names;
  }

  /** Traffic between the instance's networks is possible when this resolves; anew after each network that was made. */
  async openLanes(): Promise<void> {
    await this.#shell(renderOpenLanes(this.#names, this.#instance.block));
  }

  /** Sets lanes and provider firewalls; the latter change in one transaction. */
  async apply(filters: MachineFilter[]): Promise<void> {
    const lanes = renderOpenLanes(this.#names, this.#instance.block);
    await this.#shell(`${lanes}nft -f -\n`, renderPacketFilter(this.#names, filters));
  }

  async removeRules(): Promise<void> {
    await this.#shell(renderRemoval(this.#names, this.#instance.block));
    this.#container = undefined;
  }

  /** Runs shell where every volume of the instance is a directory of the current one. */
  inVolumes(script: string): Promise<string> {
    return this.#shell(`cd ${VOLUMES}\n${script}`);
  }

  async #shell(script: string, stdin?: string): Promise<string> {
    const command = ["sh", "-euc", script];
    const container = await this.#running();
    try {
      return await run(container, command, stdin);
    } catch (error) {
      if (!isMissing(error) && !isConflict(error)) {
        throw error;
      }
      // Somebody removed or stopped it behind our back.
      this.#container = undefined;
      return await run(await this.#running(), command, stdin);
    }
  }

  /** One start at a time, however many ask. */
  async #running(): Promise<Docker.Container> {
    this.#container ??= this.#start();
    try {
      return await this.#container;
    } catch (error) {
      this.#container = undefined;
      throw error;
    }
  }

  async #start(): Promise<Docker.Container> {
    const present = this.#docker.getContainer(this.#names.helper);
    try {
      await unlessDone(present.start());
      return present;
    } catch (error) {
      if (!isMissing(error)) {
        throw error;
      }
    }
    await ensureVolumeStore(this.#docker, this.#names);
    const container = await this.#docker.createContainer({
      name: this.#names.helper,
      Image: await imageId(this.#docker, EDGE_IMAGE),
      Cmd: ["sleep", "infinity"],
      Labels: this.#names.labels,
      HostConfig: {
        NetworkMode: "host",
        CapAdd: ["NET_ADMIN"],
        Init: true,
        Binds: [`${this.#names.volumes}:${VOLUMES}`],
      },
    });
    await container.start();
    return container;
  }
}
