import type Docker from "dockerode";
import { type EngineInfo, unlessDone, unlessGone, unlessOff } from "./engine.ts";
import { type Names, SERVER_LABEL } from "./names.ts";
import { seedEntries, tarOf } from "./seed.ts";
import type { MachineSpec, MachineState } from "./types.ts";
import { VOLUMES_PATH } from "./volume-store.ts";

const MIB = 1024 * 1024;
const NANO = 1_000_000_000;
/** Longest name the kernel takes for a host. */
const HOSTNAME_LENGTH = 63;
/** What systemd gets to stop its services before it is killed; the provider is about as patient. */
const STOP_SECONDS = 30;

/** A server that reboots itself is on all the time. */
const ON = new Set(["running", "restarting", "paused"]);

/** Servers as containers with systemd as the first process. */
export class Containers {
  readonly #docker: Docker;
  readonly #names: Names;

  constructor(docker: Docker, names: Names) {
    this.#docker = docker;
    this.#names = names;
  }

  /** Makes the container from the image with this id, on its public network, with its cloud-init seed; does not start it. */
  async create(spec: MachineSpec, image: string, info: EngineInfo): Promise<void> {
    const container = await this.#docker.createContainer(containerOptions(this.#names, spec, image, info));
    await container.putArchive(tarOf(seedEntries(spec)), { path: "/" });
  }

  async remove(id: number): Promise<void> {
    await unlessGone(this.get(id).remove({ force: true, v: true }));
  }

  async start(id: number): Promise<void> {
    await unlessDone(this.get(id).start());
  }

  async freeze(id: number): Promise<void> {
    await unlessOff(this.get(id).pause());
  }

  /** Asked first, as unpausing what runs is an error of Docker's; a server that is gone has nothing left to thaw. */
  async thaw(id: number): Promise<void> {
    const container = this.get(id);
    await unlessGone(container.inspect().then(({ State }) => (State.Paused ? container.unpause() : undefined)));
  }

  async kill(id: number): Promise<void> {
    await unlessOff(this.get(id).kill());
  }

  async stop(id: number): Promise<void> {
    await unlessDone(this.get(id).stop({ t: STOP_SECONDS }));
  }

  async restart(id: number): Promise<void> {
    await this.get(id).restart({ t: STOP_SECONDS });
  }

  async limit(id: number, memoryMiB: number, cores: number, info: EngineInfo): Promise<void> {
    await this.get(id).update(limits(memoryMiB, cores, info));
  }

  async states(): Promise<MachineState[]> {
    const label = [...Object.entries(this.#names.labels).map(([key, value]) => `${key}=${value}`), SERVER_LABEL];
    const containers = await this.#docker.listContainers({ all: true, filters: { label } });
    return containers
      .map((each) => ({ id: Number(each.Labels[SERVER_LABEL]), running: ON.has(each.State) }))
      .sort((a, b) => a.id - b.id);
  }

  get(id: number): Docker.Container {
    return this.#docker.getContainer(this.#names.server(id));
  }
}

type HostConfig = Docker.HostConfig & { CgroupnsMode?: "host" | "private" };

/** What makes a container a server, without giving it the machine: no `--privileged`, no devices, no writable kernel settings. */
export function containerOptions(
  names: Names,
  spec: MachineSpec,
  image: string,
  info: EngineInfo,
): Docker.ContainerCreateOptions {
  const network = names.server(spec.id);
  const hostConfig: HostConfig = {
    NetworkMode: network,
    // systemd mounts, and servers have packet filters of their own.
    CapAdd: ["SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE"],
    SecurityOpt: ["seccomp=unconfined", "apparmor=unconfined"],
    Tmpfs: { "/run": "rw,nosuid,nodev,noexec,mode=755", "/run/lock": "rw,nosuid,nodev,noexec,size=5m" },
    // A reboot ordered inside the server ends with a status of its own, see the seed; to be off is to have ended well.
    RestartPolicy: { Name: "on-failure" },
    // Docker's 64 MB are too few for a database; memory is used only as far as it is written.
    ShmSize: Math.floor(info.MemTotal / 2),
    Binds: [`${names.volumes}:${VOLUMES_PATH}`],
    ...limits(spec.memoryMiB, spec.cores, info),
  };
  return {
    name: names.server(spec.id),
    Image: image,
    Hostname: spec.name.slice(0, HOSTNAME_LENGTH),
    Env: ["container=docker"],
    Labels: { ...names.labels, [SERVER_LABEL]: String(spec.id) },
    StopSignal: "SIGRTMIN+3",
    ...bootOptions(hostConfig, info),
    NetworkingConfig: {
      EndpointsConfig: { [network]: spec.ipv4 === null ? {} : { IPAMConfig: { IPv4Address: spec.ipv4 } } },
    },
  };
}

/** systemd needs control groups it may write to; how it gets them depends on their version. */
function bootOptions(
  hostConfig: HostConfig,
  info: EngineInfo,
): Pick<Docker.ContainerCreateOptions, "Cmd" | "HostConfig"> {
  if (info.CgroupVersion === "1") {
    const Binds = [...(hostConfig.Binds ?? []), "/sys/fs/cgroup:/sys/fs/cgroup:rw"];
    return { Cmd: ["/sbin/init"], HostConfig: { ...hostConfig, Binds } };
  }
  // With a namespace of its own the tree is the container's alone, but Docker mounts it read-only.
  const boot = "mount -o remount,rw /sys/fs/cgroup && exec /sbin/init";
  const privateGroups: HostConfig = { ...hostConfig, CgroupnsMode: "private" };
  return { Cmd: ["/bin/sh", "-c", boot], HostConfig: privateGroups };
}

/** Limits of the server's type, as far as this machine has that much and its kernel can limit at all. */
function limits(
  memoryMiB: number,
  cores: number,
  info: EngineInfo,
): Pick<Docker.HostConfig, "Memory" | "MemorySwap" | "NanoCpus"> {
  const memory = Math.min(memoryMiB * MIB, info.MemTotal);
  return {
    ...(info.MemoryLimit ? { Memory: memory, MemorySwap: memory } : {}),
    ...(info.CpuCfsQuota ? { NanoCpus: Math.min(cores, info.NCPU) * NANO } : {}),
  };
}
