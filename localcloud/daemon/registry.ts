import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { homedir } from "node:os";
import { join } from "node:path";
import Docker from "dockerode";
import { blockOf, DEFAULT_PORT, type Instance, portOf, SLOTS } from "../instance.ts";
import { UserError } from "./errors.ts";
import { portHolder } from "./port-holder.ts";

const DEFAULT_NAME = "local";
const NAME = /^[a-z0-9][a-z0-9-]{0,30}[a-z0-9]$/;

/** Every instance has a folder here; the folders are the registry. */
export function stateRoot(): string {
  return join(process.env.XDG_STATE_HOME || join(homedir(), ".local", "state"), "localcloud");
}

export function directoryOf(name: string): string {
  if (!NAME.test(name)) {
    throw new UserError(
      `'${name}' cannot be the name of an instance: 2 to 32 lower-case letters, digits and hyphens, for example 'local'`,
    );
  }
  return join(stateRoot(), name);
}

/** The instance as it was allocated, or null when there is none of this name. */
export function findInstance(name: string): Instance | null {
  const directory = directoryOf(name);
  try {
    return { ...JSON.parse(readFileSync(join(directory, "instance.json"), "utf8")), directory };
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") {
      return null;
    }
    throw new UserError(`${directory}/instance.json cannot be read: ${error}`, `localcloud reset --name ${name}`);
  }
}

export function save(instance: Instance): void {
  mkdirSync(instance.directory, { recursive: true, mode: 0o700 });
  const file = join(instance.directory, "instance.json");
  writeFileSync(`${file}.new`, `${JSON.stringify(instance, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** A slot, a port and fresh tokens for a new instance; refuses a port that is taken. */
export async function allocate(name: string, port: number | undefined): Promise<Instance> {
  const directory = directoryOf(name);
  if (port !== undefined) {
    await assertPortFree(name, port);
  }
  const slot = await freeSlot(name, port);
  return {
    name,
    slot,
    port: port ?? portOf(slot),
    block: blockOf(slot),
    directory,
    hetznerToken: randomBytes(48).toString("base64url"),
    cloudflareToken: randomBytes(30).toString("base64url"),
    accountId: randomBytes(16).toString("hex"),
  };
}

/** Throws, naming who holds it, unless the port can be listened on and no other instance, running or not, has it. */
export async function assertPortFree(name: string, port: number): Promise<void> {
  const other = allInstances().find((instance) => instance.port === port && instance.name !== name);
  if (other === undefined && (await isPortFree(port))) {
    return;
  }
  const who = other === undefined ? portHolder(port) : `the local cloud '${other.name}'`;
  throw new UserError(
    `port ${port} on 127.0.0.1 is taken${who === null ? "" : ` by ${who}`}, so the local cloud '${name}' cannot listen there`,
    `localcloud start --name ${name} --port ${port + 1}`,
  );
}

async function freeSlot(name: string, port: number | undefined): Promise<number> {
  const others = allInstances().filter((instance) => instance.name !== name);
  const ranges = await dockerRanges();
  const blockFree = (slot: number): boolean => !ranges.some((range) => touches(range, blockOf(slot)));
  if (name === DEFAULT_NAME && port === undefined && blockFree(0) && !others.some(({ slot }) => slot === 0)) {
    await assertPortFree(name, DEFAULT_PORT);
    return 0;
  }
  // Slot 0 is left to the default instance as long as others have a choice.
  const order = [...Array.from({ length: SLOTS - 1 }, (_, index) => index + 1), 0];
  for (const slot of order) {
    const unused = !others.some((other) => other.slot === slot || (port === undefined && other.port === portOf(slot)));
    if (unused && blockFree(slot) && (port !== undefined || (await isPortFree(portOf(slot))))) {
      return slot;
    }
  }
  throw new UserError(`all ${SLOTS} address blocks for local clouds are in use`, "localcloud reset --name NAME");
}

function allInstances(): Instance[] {
  const root = stateRoot();
  const names = existsSync(root) ? readdirSync(root).filter((name) => NAME.test(name)) : [];
  return names.map(findInstance).filter((instance) => instance !== null);
}

function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}

/** Address ranges Docker has given to networks, ours and others'. */
async function dockerRanges(): Promise<string[]> {
  const networks = await new Docker().listNetworks();
  return networks.flatMap((network) => network.IPAM?.Config ?? []).flatMap((config) => config.Subnet ?? []);
}

/** Whether two IPv4 ranges share an address. */
function touches(a: string, b: string): boolean {
  const [left, right] = [boundsOf(a), boundsOf(b)];
  return left !== null && right !== null && left.first <= right.last && right.first <= left.last;
}

function boundsOf(cidr: string): { first: number; last: number } | null {
  const match = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\/(\d+)$/.exec(cidr);
  if (match === null) {
    return null;
  }
  const [a = 0, b = 0, c = 0, d = 0, bits = 0] = match.slice(1).map(Number);
  const size = 2 ** (32 - bits);
  const address = ((a * 256 + b) * 256 + c) * 256 + d;
  const first = address - (address % size);
  return { first, last: first + size - 1 };
}
