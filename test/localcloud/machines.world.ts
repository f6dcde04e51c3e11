import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type Docker from "dockerode";
import { execa } from "execa";
import { blockOf, INSTANCE_LABEL, type Instance, portOf } from "../../localcloud/instance.ts";
import { imageId } from "../../localcloud/machines/engine.ts";
import { hostKeyFromSeed } from "../../provisioning/ssh/host-key.ts";

/** Long enough for a boot on a machine that is busy with other things. */
const PATIENCE_MS = 60_000;
const SLOT = 15;

export function testInstance(name: string): Instance {
  const common = { port: portOf(SLOT), block: blockOf(SLOT), directory: tmpdir() };
  return { name, slot: SLOT, ...common, hetznerToken: "", cloudflareToken: "", accountId: "" };
}

/** An operator with a key, who knows the host key of every server beforehand. */
export class Operator {
  readonly #key = hostKeyFromSeed(randomBytes(32).toString("base64"));
  readonly #hostKey = hostKeyFromSeed(randomBytes(32).toString("base64"));
  #directory = "";

  get publicKey(): string {
    return this.#key.publicKey;
  }

  /** User data of a server with the pinned host key and a user `deploy`; JSON is YAML. */
  get userData(): string {
    return `#cloud-config\n${JSON.stringify({
      ssh_deletekeys: true,
      ssh_keys: { ed25519_private: this.#hostKey.privateKey, ed25519_public: this.#hostKey.publicKey },
      users: [{ name: "deploy", shell: "/bin/bash", ssh_authorized_keys: [this.publicKey] }],
    })}\n`;
  }

  async open(addresses: string[]): Promise<void> {
    this.#directory = await mkdtemp(join(tmpdir(), "machines-"));
    await writeFile(join(this.#directory, "key"), this.#key.privateKey, { mode: 0o600 });
    const lines = addresses.map((address) => `${address} ${this.#hostKey.publicKey}\n`);
    await writeFile(join(this.#directory, "known_hosts"), lines.join(""));
  }

  async close(): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true });
  }

  /** One attempt. */
  ssh(address: string, command: string, user = "root") {
    const options = [
      ["BatchMode", "yes"],
      ["ConnectTimeout", "2"],
      ["StrictHostKeyChecking", "yes"],
      ["UserKnownHostsFile", join(this.#directory, "known_hosts")],
      ["IdentitiesOnly", "yes"],
    ].map(([key, value]) => `-o${key}=${value}`);
    const identity = join(this.#directory, "key");
    return execa("ssh", ["-F", "none", ...options, "-i", identity, `${user}@${address}`, command], { reject: false });
  }

  /** Output of a command on a server, as soon as it lets us in. */
  async on(address: string, command: string, user = "root"): Promise<string> {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const result = await this.ssh(address, command, user);
      if (result.exitCode === 0) {
        return result.stdout;
      }
      // 255 is the client's own: no connection yet, or it was refused.
      if (result.exitCode !== 255 || Date.now() > deadline) {
        throw new Error(`ssh ${user}@${address} '${command}' ended with ${result.exitCode}: ${result.stderr}`);
      }
      await sleep(100);
    }
  }
}

/** Shell that prints `open` or `shut`. What is to be open gets the time a busy machine needs; what is dropped never answers. */
export function probe(address: string, port: number, expected: "open" | "shut"): string {
  const seconds = expected === "open" ? 10 : 1;
  return `timeout ${seconds} bash -c '</dev/tcp/${address}/${port}' 2>/dev/null && echo open || echo shut`;
}

export async function listen(host: string, onPeer: (address: string | undefined) => void): Promise<Server> {
  const server = createServer((socket) => {
    onPeer(socket.remoteAddress);
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return server;
}

export async function waitFor(condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (Date.now() > deadline) {
      throw new Error(`did not happen in ${PATIENCE_MS / 1000} s: ${condition}`);
    }
    await sleep(100);
  }
}

/** Names of everything in Docker that carries the label of an instance. */
export async function left(docker: Docker, instance: string) {
  const filters = { label: [`${INSTANCE_LABEL}=${instance}`] };
  const [containers, networks, volumes] = await Promise.all([
    docker.listContainers({ all: true, filters }),
    docker.listNetworks({ filters }),
    docker.listVolumes({ filters }),
  ]);
  return {
    containers: containers.map(({ Names }) => Names[0]?.slice(1)).sort(),
    networks: networks.map(({ Name }) => Name).sort(),
    volumes: (volumes.Volumes ?? []).map(({ Name }) => Name).sort(),
  };
}

/** Tables of nftables and rules of iptables on this machine, read as the driver itself sets them: from a container. */
export async function packetFilters(docker: Docker): Promise<string> {
  const script =
    "nft list tables; for t in iptables-nft iptables-legacy; do $t -S DOCKER-USER; $t -t nat -S POSTROUTING; done 2>&1";
  const container = await docker.createContainer({
    Image: await imageId(docker, "edge"),
    Cmd: ["sh", "-c", script],
    Tty: true,
    HostConfig: { NetworkMode: "host", CapAdd: ["NET_ADMIN"] },
  });
  try {
    await container.start();
    await container.wait();
    return (await container.logs({ stdout: true, stderr: true })).toString();
  } finally {
    await container.remove({ force: true });
  }
}
