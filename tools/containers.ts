import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { userInfo } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import Docker from "dockerode";
import { execa } from "execa";
import { canInstall, install } from "./apt.ts";
import { withLock } from "./cache.ts";
import { ownDockerd, startDockerd, stopDockerd } from "./dockerd.ts";
import { findAll } from "./executables.ts";
import { type Report, reason, step, ToolError } from "./report.ts";

export { ensureClients } from "./clients.ts";

const SOCKET = "/var/run/docker.sock";
const PING_MS = 5_000;

/** A Docker engine that answers. */
export interface Containers {
  /** Usable as `DOCKER_HOST`. */
  socket: string;
  /** Whether this call started it. */
  started: boolean;
}

/** What the search for an engine depends on, besides `DOCKER_HOST`. */
interface Machine {
  socket: string;
  mayInstall(): Promise<boolean>;
  /** Where dockerd may be besides PATH. */
  folders: string[];
  systemd: boolean;
}

const MACHINE: Machine = {
  socket: SOCKET,
  mayInstall: canInstall,
  folders: ["/usr/local/sbin", "/usr/sbin", "/sbin"],
  systemd: existsSync("/run/systemd/system"),
};

/** Makes sure that a Docker engine answers: the one there is, else, as root on Debian or Ubuntu, a new one. */
export async function ensureContainers(report: Report, machine: Machine = MACHINE): Promise<Containers> {
  const socket = process.env.DOCKER_HOST || `unix://${machine.socket}`;
  const state = await probe(machine.socket);
  if (state.answers) {
    return { socket, started: false };
  }
  if (process.env.DOCKER_HOST || state.denied || !(await machine.mayInstall())) {
    throw unreachable(state, machine.socket);
  }
  await withLock("containers", report, () => start(machine, report));
  return { socket, started: true };
}

/** A client of the engine that is there; starts none. */
export async function requireDocker(): Promise<Docker> {
  const state = await probe(SOCKET);
  if (!state.answers) {
    throw unreachable(state, SOCKET);
  }
  return openDocker();
}

/** Stops the Docker engine if {@link ensureContainers} started it and nothing runs on it any more; no other engine. */
export async function stopContainers(report: Report): Promise<boolean> {
  const pid = await ownDockerd();
  if (pid === undefined) {
    return false;
  }
  const running = await openDocker().listContainers();
  if (running.length > 0) {
    const names = running.map((container) => container.Names[0]?.slice(1)).join(", ");
    report(`dockerd (process ${pid}) goes on: still running on it: ${names}`);
    return false;
  }
  await step(report, `stopping dockerd (process ${pid})`, () => stopDockerd(pid));
  return true;
}

/** A client of the engine that `DOCKER_HOST` names, else of the one on this machine. */
function openDocker(socketPath = SOCKET): Docker {
  return process.env.DOCKER_HOST ? new Docker() : new Docker({ socketPath });
}

interface Probe {
  answers: boolean;
  denied: boolean;
  reason: string;
}

async function probe(socket: string): Promise<Probe> {
  try {
    const silence = sleep(PING_MS, undefined, { ref: false }).then(() => {
      throw new Error(`no answer in ${PING_MS / 1000} s`);
    });
    await Promise.race([openDocker(socket).ping(), silence]);
    return { answers: true, denied: false, reason: "" };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    return { answers: false, denied: code === "EACCES" || code === "EPERM", reason: reason(error) };
  }
}

function unreachable(state: Probe, socket: string): ToolError {
  const host = process.env.DOCKER_HOST;
  if (host) {
    return new ToolError(
      `DOCKER_HOST is ${host}, and no Docker engine answers there (${state.reason}). ` +
        "Start that engine, or use this machine's: unset DOCKER_HOST",
    );
  }
  if (state.denied) {
    const user = userInfo().username;
    return new ToolError(
      `user ${user} may not use the Docker engine at ${socket}. Run: sudo usermod -aG docker ${user}, then log in again`,
    );
  }
  return new ToolError(
    `no Docker engine answers at ${socket} (${state.reason}). ` +
      "Start it: sudo systemctl start docker. If there is none yet: sudo apt-get install docker.io",
  );
}

async function start(machine: Machine, report: Report): Promise<void> {
  const answers = async () => (await probe(machine.socket)).answers;
  const find = async () => (await findAll("dockerd", machine.folders))[0];
  let binary = await find();
  if (!binary) {
    report("no Docker engine here: installing the package docker.io and starting dockerd");
    await install(["docker.io", ...(await cgroupPackage())], report);
    binary = await find();
  }
  // The package, or another run that held the lock before us, may have started it.
  if (await answers()) {
    return;
  }
  if (!binary) {
    throw new ToolError("docker.io is installed, but there is no dockerd on PATH. Look for it: dpkg -L docker.io");
  }
  if (machine.systemd) {
    await step(report, "starting the Docker engine (systemctl start docker)", () => startService(answers));
    return;
  }
  await execa("cgroupfs-mount", { reject: false });
  const path = binary;
  await step(report, "starting a Docker engine (dockerd); 'npm run stop' ends it", () => startDockerd(path, answers));
}

async function startService(answers: () => Promise<boolean>): Promise<void> {
  const run = await execa("systemctl", ["start", "docker"], { reject: false, all: true });
  if (run.exitCode !== 0 || !(await answers())) {
    throw new ToolError(`the Docker service does not start: ${reason(run.all)}. Look: journalctl -u docker -n 50`);
  }
}

/** Without systemd nobody has mounted the control groups that containers are kept in. */
async function cgroupPackage(): Promise<string[]> {
  const groups = await readdir("/sys/fs/cgroup").catch(() => []);
  return groups.length === 0 ? ["cgroupfs-mount"] : [];
}
