import type Docker from "dockerode";
import type { CoreAddresses, Instance } from "../instance.ts";
import { EDGE_IMAGE, engineInfo, imageId, isConflict, isMissing, run, unlessDone } from "../machines/engine.ts";
import { namesOf } from "../machines/names.ts";
import { tarOf } from "../machines/seed.ts";

/** A file to be put into a container. */
export interface FileEntry {
  /** Absolute. */
  path: string;
  content: string;
  /** @default 0o644 */
  mode?: number;
}

/** The services of the data plane; each is a container with a fixed address. */
export type Service = "dns" | "edge" | "acme";

const START_SCRIPT = "/usr/local/sbin/localcloud-start";
/** As first process of a container two of them have no ear for a gentler signal; both get all they keep anew at the next start. */
const STOP_SIGNAL: Record<Service, string> = { dns: "SIGKILL", edge: "SIGTERM", acme: "SIGKILL" };
const STOP_SECONDS = 5;
/** Engines from here on drop what other bridges send to an address, unless a network asks them not to. */
const DIRECT_ACCESS_REFUSED_SINCE = 28;

/** The core network of an instance and the containers on it. Nothing here needs root or a path on this machine. */
export class CoreContainers {
  readonly #docker: Docker;
  readonly #core: CoreAddresses;
  readonly #network: string;
  readonly #prefix: string;
  readonly #labels: Record<string, string>;

  constructor(docker: Docker, instance: Instance, core: CoreAddresses) {
    this.#docker = docker;
    this.#core = core;
    this.#prefix = `lc-${instance.name}`;
    this.#network = `${this.#prefix}-core`;
    this.#labels = namesOf(instance).labels;
  }

  async ensureNetwork(): Promise<void> {
    const present = await this.#docker.listNetworks({ filters: { name: [this.#network] } });
    if (present.some((network) => network.Name === this.#network)) {
      return;
    }
    const info = await engineInfo(this.#docker);
    const direct = Number.parseInt(info.ServerVersion, 10) >= DIRECT_ACCESS_REFUSED_SINCE;
    await this.#docker.createNetwork({
      Name: this.#network,
      Labels: this.#labels,
      CheckDuplicate: true,
      Options: direct ? { "com.docker.network.bridge.gateway_mode_ipv4": "nat-unprotected" } : {},
      IPAM: { Config: [{ Subnet: this.#core.subnet, Gateway: this.#core.gateway }] },
    });
  }

  /** Makes the container or wakes the one that is there, with these files in it; tells whether it had to be started. */
  async ensureRunning(service: Service, start: string, files: FileEntry[]): Promise<boolean> {
    const container = this.#docker.getContainer(this.#name(service));
    const state = await this.#stateOf(container);
    if (state === "absent") {
      await this.#create(service);
    }
    await this.put(service, [{ path: START_SCRIPT, content: start, mode: 0o755 }, ...files]);
    await unlessDone(container.start());
    return state !== "running";
  }

  /** Whether all of them run; one that was stopped or removed by somebody else does not. */
  async allRun(services: readonly Service[]): Promise<boolean> {
    const states = await Promise.all(
      services.map((each) => this.#stateOf(this.#docker.getContainer(this.#name(each)))),
    );
    return states.every((state) => state === "running");
  }

  async stop(service: Service): Promise<void> {
    try {
      await unlessDone(this.#docker.getContainer(this.#name(service)).stop({ t: STOP_SECONDS }));
    } catch (error) {
      if (!isMissing(error)) {
        throw error;
      }
    }
  }

  /** Files go in as an archive, running or not; all of them are there before the call returns. */
  async put(service: Service, files: FileEntry[]): Promise<void> {
    await this.#docker.getContainer(this.#name(service)).putArchive(archiveOf(files), { path: "/" });
  }

  /** Runs a command inside; throws with what it said when it fails. */
  async run(service: Service, command: string[], stdin = ""): Promise<string> {
    return run(this.#docker.getContainer(this.#name(service)), command, stdin);
  }

  /** When the container was started last; a later time means that it has forgotten what it kept in memory. */
  async startedAt(service: Service): Promise<string> {
    return (await this.#docker.getContainer(this.#name(service)).inspect()).State.StartedAt;
  }

  /** The last lines a service wrote, for a message that says why it does not answer. */
  async lastWords(service: Service): Promise<string> {
    const logs = await this.#docker.getContainer(this.#name(service)).logs({ stdout: true, stderr: true, tail: 5 });
    // Every line has a header of eight bytes, unprintable but for its last ones.
    return logs
      .toString("utf8")
      .replace(/[^\x20-\x7e\n]/g, "")
      .trim();
  }

  async #stateOf(container: Docker.Container): Promise<"absent" | "stopped" | "running"> {
    try {
      return (await container.inspect()).State.Running ? "running" : "stopped";
    } catch (error) {
      if (isMissing(error)) {
        return "absent";
      }
      throw error;
    }
  }

  async #create(service: Service): Promise<void> {
    const image = await imageId(this.#docker, EDGE_IMAGE);
    try {
      await this.#docker.createContainer({
        name: this.#name(service),
        Image: image,
        Hostname: service,
        Labels: { ...this.#labels, "localcloud.service": service },
        Entrypoint: [START_SCRIPT],
        Cmd: [],
        StopSignal: STOP_SIGNAL[service],
        HostConfig: {
          NetworkMode: this.#network,
          RestartPolicy: { Name: "on-failure" },
          LogConfig: { Type: "json-file", Config: { "max-size": "5m", "max-file": "2" } },
        },
        NetworkingConfig: {
          EndpointsConfig: { [this.#network]: { IPAMConfig: { IPv4Address: this.#core[service] } } },
        },
      });
    } catch (error) {
      if (!isConflict(error)) {
        throw error;
      }
    }
  }

  #name(service: Service): string {
    return `${this.#prefix}-${service}`;
  }
}

function archiveOf(files: FileEntry[]): Buffer {
  return tarOf(files.map(({ path, content, mode = 0o644 }) => ({ path: path.replace(/^\//, ""), content, mode })));
}
