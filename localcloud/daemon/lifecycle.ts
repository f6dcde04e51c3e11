import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { FastifyBaseLogger } from "fastify";
import Fastify from "fastify";
import { blockOf, type Instance, portOf } from "../instance.ts";
import { createDockerMachines } from "../machines/docker.ts";
import { assertEngine, containersOf, slotAtEngine, stopContainers } from "./containers.ts";
import { UserError } from "./errors.ts";
import { withLock } from "./lock.ts";
import { allocate, assertPortFree, directoryOf, findInstance, save } from "./registry.ts";
import { askDaemon, describe, type InstanceStatus } from "./status.ts";

export type Report = (line: string) => void;

const START_WITHIN_MS = 180_000;
const STOP_WITHIN_MS = 60_000;
const POLL_MS = 100;
/** Room for the state of dozens of servers. With small young generations and few malloc arenas the process stays under 150 MiB. */
const NODE_FLAGS = ["--max-old-space-size=96", "--max-semi-space-size=2"];

/** Starts the daemon, detached, and resolves when both APIs and the data plane answer. */
export async function start(name: string, port: number | undefined, report: Report): Promise<InstanceStatus> {
  return withLock(name, "start", async () => {
    await assertEngine();
    const known = findInstance(name);
    const answer = known === null ? null : await askDaemon(known);
    if (known !== null && answer?.ready) {
      report(`the local cloud '${name}' is running already: ${describe(known, answer).hetzner.endpoint}`);
      return describe(known, answer);
    }
    if (known !== null && answer === null) {
      await endProcess(known);
    }
    const starting = known !== null && answer !== null;
    const instance = starting ? known : await withLock("allocation", "start", () => prepare(name, known, port));
    const child = answer === null ? spawnDaemon(instance) : null;
    return untilReady(instance, child, report);
  });
}

/** Stops daemon, core containers and servers; all of them are kept. Also cleans up after a daemon that was killed. */
export async function stop(name: string, report: Report): Promise<void> {
  await withLock(name, "stop", async () => {
    const instance = findInstance(name);
    const ended = instance !== null && (await endProcess(instance));
    const left = await stopContainers(name);
    const was = ended || left > 0;
    report(
      was ? `the local cloud '${name}' is stopped; its servers are kept` : `the local cloud '${name}' was not running`,
    );
  });
}

/** Removes everything of the instance: daemon, containers, networks, volumes, packet filter rules, state. */
export async function reset(name: string, report: Report): Promise<void> {
  await withLock(name, "reset", async () => {
    const directory = directoryOf(name);
    await assertEngine();
    const instance = await knownOrGuessed(name);
    const before = existsSync(directory) || (await containersOf(name)).length > 0;
    // Nothing is kept, so nothing needs a clean shutdown.
    await endProcess(instance, "SIGKILL");
    const log: FastifyBaseLogger = Fastify({ logger: false }).log;
    await createDockerMachines(instance, log).reset();
    rmSync(directory, { recursive: true, force: true });
    report(before ? `the local cloud '${name}' is removed` : `there was nothing of a local cloud '${name}' left`);
  });
}

export async function status(name: string): Promise<InstanceStatus> {
  const instance = findInstance(name);
  if (instance === null) {
    throw new UserError(`there is no local cloud '${name}'`, `localcloud start --name ${name}`);
  }
  return describe(instance, await askDaemon(instance));
}

/** What `reset` works on, also when instance.json is missing or broken: labels carry the name, the core network the slot. */
async function knownOrGuessed(name: string): Promise<Instance> {
  try {
    const known = findInstance(name);
    if (known !== null) {
      return known;
    }
  } catch {
    // Unreadable is as good as missing here: it is about to be removed.
  }
  const slot = (await slotAtEngine(name)) ?? 0;
  return {
    name,
    slot,
    port: portOf(slot),
    block: blockOf(slot),
    directory: directoryOf(name),
    hetznerToken: "",
    cloudflareToken: "",
    accountId: "",
  };
}

async function prepare(name: string, known: Instance | null, port: number | undefined): Promise<Instance> {
  const instance = known === null ? await allocate(name, port) : { ...known, port: port ?? known.port };
  await assertPortFree(name, instance.port);
  save(instance);
  return instance;
}

function spawnDaemon(instance: Instance): ChildProcess {
  const main = fileURLToPath(new URL("main.ts", import.meta.url));
  const errors = openSync(join(instance.directory, "daemon.err"), "w", 0o600);
  const child = spawn(process.execPath, [...NODE_FLAGS, main, instance.directory], {
    detached: true,
    env: {
      MALLOC_ARENA_MAX: "2",
      // Types are stripped once, not at every start: saves the stripper's memory and half a second.
      NODE_COMPILE_CACHE: join(tmpdir(), "node-compile-cache"),
      ...process.env,
    },
    stdio: ["ignore", "ignore", errors],
  });
  child.unref();
  return child;
}

async function untilReady(instance: Instance, child: ChildProcess | null, report: Report): Promise<InstanceStatus> {
  const deadline = Date.now() + START_WITHIN_MS;
  let phase = "";
  while (Date.now() < deadline) {
    const answer = await askDaemon(instance);
    if (answer?.ready) {
      return describe(instance, answer);
    }
    if (answer !== null && answer.phase !== phase) {
      phase = answer.phase;
      report(phase);
    }
    const ended = child === null ? answer === null && daemonPid(instance) === null : hasEnded(child);
    if (ended) {
      throw new UserError(
        `the daemon of the local cloud '${instance.name}' ended while starting: ${lastWords(instance)}`,
      );
    }
    await sleep(POLL_MS);
  }
  throw new UserError(
    `the local cloud '${instance.name}' is not ready after ${START_WITHIN_MS / 1000} s (${phase}); see ${instance.directory}/daemon.log`,
    `localcloud stop --name ${instance.name}`,
  );
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/** The last error in the log, else what the process wrote before it had a log. */
function lastWords(instance: Instance): string {
  const FATAL = 60;
  try {
    const lines = readFileSync(join(instance.directory, "daemon.log"), "utf8").trim().split("\n");
    const entry = JSON.parse(lines.at(-1) ?? "");
    if (entry.level === FATAL) {
      return entry.msg;
    }
  } catch {
    // No log, or a line cut off by the crash: the other file knows more.
  }
  const errors = readFileSync(join(instance.directory, "daemon.err"), "utf8").trim();
  return errors.split("\n").find((line) => /error/i.test(line)) ?? `see ${instance.directory}/daemon.log`;
}

/** Ends the daemon if it runs; true when it did. A recycled process id is left alone. */
async function endProcess(instance: Instance, signal: NodeJS.Signals = "SIGTERM"): Promise<boolean> {
  const pid = daemonPid(instance);
  if (pid === null) {
    return false;
  }
  process.kill(pid, signal);
  const deadline = Date.now() + STOP_WITHIN_MS;
  while (daemonPid(instance) === pid && Date.now() < deadline) {
    await sleep(POLL_MS);
  }
  if (daemonPid(instance) === pid) {
    process.kill(pid, "SIGKILL");
    await sleep(POLL_MS);
  }
  rmSync(join(instance.directory, "daemon.pid"), { force: true });
  return true;
}

function daemonPid(instance: Instance): number | null {
  try {
    const pid = Number(readFileSync(join(instance.directory, "daemon.pid"), "utf8"));
    const args = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    return args.includes(instance.directory) ? pid : null;
  } catch {
    return null;
  }
}
