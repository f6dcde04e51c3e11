import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type Docker from "dockerode";
import { execa } from "execa";
import { blockOf, type Instance, portOf } from "../../localcloud/instance.ts";
import { createDockerMachines } from "../../localcloud/machines/docker.ts";
import { imageId, openDocker } from "../../localcloud/machines/engine.ts";
import type { MachineSpec, PacketRule } from "../../localcloud/machines/types.ts";

/*
 * Real servers on this machine's Docker engine: needs the images `debian-12`, `debian-13` and `edge` (npm test builds them first).
 */
const SLOT = 15;
const [A, B] = ["198.18.241.2", "198.18.241.10"];
const GATEWAY_OF_A = "198.18.241.1";
const NETWORK = { id: 31, range: "10.254.0.0/16" };
const log = { info: () => undefined, warn: () => undefined };

const instanceOf = (name: string): Instance => ({
  name,
  slot: SLOT,
  port: portOf(SLOT),
  block: blockOf(SLOT),
  directory: tmpdir(),
  hetznerToken: "",
  cloudflareToken: "",
  accountId: "",
});

describe("machines of the local cloud, for real", function () {
  this.timeout(60_000);
  const name = `test-m${process.pid}`;
  const docker = openDocker();
  const machines = createDockerMachines(instanceOf(name), log);
  const neighbour = createDockerMachines(instanceOf(`${name}-b`), log);
  let directory = "";
  let a: MachineSpec;
  let b: MachineSpec;

  const ssh = (address: string, user: string, command: string) => {
    const options = [
      ["BatchMode", "yes"],
      ["ConnectTimeout", "2"],
      ["StrictHostKeyChecking", "yes"],
      ["UserKnownHostsFile", join(directory, "known_hosts")],
      ["IdentitiesOnly", "yes"],
    ].map(([key, value]) => `-o${key}=${value}`);
    const identity = join(directory, "operator");
    return execa("ssh", ["-F", "none", ...options, "-i", identity, `${user}@${address}`, command], { reject: false });
  };
  /** Output of a command on a server, as soon as it lets us in. */
  const on = async (address: string, command: string, user = "root"): Promise<string> => {
    const deadline = Date.now() + 20_000;
    for (;;) {
      const result = await ssh(address, user, command);
      if (result.exitCode === 0) {
        return result.stdout;
      }
      // 255 is the client's own: no connection yet, or it was refused.
      if (result.exitCode !== 255 || Date.now() > deadline) {
        throw new Error(`ssh ${user}@${address} '${command}' ended with ${result.exitCode}: ${result.stderr}`);
      }
      await sleep(100);
    }
  };
  const opens = (address: string, port: number) => `timeout 1 bash -c '</dev/tcp/${address}/${port}' 2>/dev/null`;
  const reachableFromHost = async () => (await execa("bash", ["-c", opens(A, 22)], { reject: false })).exitCode === 0;
  const filterA = (filter: PacketRule[] | null) => machines.applyFilters([{ serverId: a.id, ipv4: A, filter }]);
  const allow = (cidr: string): PacketRule[] => [{ direction: "in", protocol: "tcp", port: "22", cidrs: [cidr] }];

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "machines-"));
    for (const key of ["operator", "host"]) {
      await execa("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", key, "-f", join(directory, key)]);
    }
    const [operator = "", host = "", hostPublic = ""] = await Promise.all(
      ["operator.pub", "host", "host.pub"].map((file) => readFile(join(directory, file), "utf8")),
    );
    await writeFile(join(directory, "known_hosts"), `${A} ${hostPublic}${B} ${hostPublic}`);
    // JSON is YAML.
    const userData = `#cloud-config\n${JSON.stringify({
      ssh_deletekeys: true,
      ssh_keys: { ed25519_private: host, ed25519_public: hostPublic.trim() },
      users: [{ name: "deploy", shell: "/bin/bash", ssh_authorized_keys: [operator.trim()] }],
    })}\n`;
    const common = { image: "debian-13", userData, sshKeys: [operator.trim()], memoryMiB: 1024, cores: 1, start: true };
    a = { ...common, id: 11, name: "web-a", ipv4: A };
    b = { ...common, id: 12, name: "web-b", ipv4: B };
    await machines.createNetwork(NETWORK.id, NETWORK.range);
    await Promise.all([machines.createServer(a), machines.createServer(b)]);
  });

  after(async () => {
    await machines.reset();
    await neighbour.reset();
    await rm(directory, { recursive: true, force: true });
  });

  it("boot, run their user data and let the owner of the key in, with the host key that was pinned", async () => {
    assert.equal(await on(A, "id -un; hostname; cloud-init status --wait >/dev/null; echo $?"), "root\nweb-a\n0");
    assert.equal(await on(A, "id -un", "deploy"), "deploy");
    assert.equal(await on(B, "systemctl is-system-running --wait"), "running");
    assert.deepEqual(await machines.states(), [
      { id: 11, running: true },
      { id: 12, running: true },
    ]);
  });

  it("are refused and allowed by the provider's firewall, from other servers and from this machine", async () => {
    const reachableFromB = async () => (await on(B, `${opens(A, 22)}; echo $?`)) === "0";
    const seen = async () => ({ host: await reachableFromHost(), b: await reachableFromB() });
    assert.deepEqual(await seen(), { host: true, b: true });
    await filterA([]);
    assert.deepEqual(await seen(), { host: false, b: false });
    await filterA(allow(`${B}/32`));
    assert.deepEqual(await seen(), { host: false, b: true });
    await filterA(allow(`${GATEWAY_OF_A}/32`));
    assert.deepEqual(await seen(), { host: true, b: false });
    await filterA(null);
    assert.deepEqual(await seen(), { host: true, b: true });
  });

  it("reach this machine by their own address, and what their outbound rules allow", async () => {
    const peers: (string | undefined)[] = [];
    const listener = await listen(GATEWAY_OF_A, (peer) => peers.push(peer));
    const address = listener.address();
    const port = address !== null && typeof address === "object" ? address.port : 0;
    const tries = `${opens(GATEWAY_OF_A, port)}; echo $?; ${opens(B, 22)}; echo $?`;
    try {
      assert.equal(await on(A, tries), "0\n0");
      assert.deepEqual(peers, [A]);
      await filterA([...allow("0.0.0.0/0"), { direction: "out", protocol: "tcp", port: "22", cidrs: [`${B}/32`] }]);
      assert.equal(await on(A, tries), "124\n0");
      await filterA([
        ...allow("0.0.0.0/0"),
        { direction: "out", protocol: "tcp", port: `${port}`, cidrs: ["0.0.0.0/0"] },
      ]);
      assert.equal(await on(A, tries), "0\n124");
    } finally {
      listener.close();
      await filterA(null);
    }
  });

  it("get a NIC while they run, which no firewall guards, and lose it again", async () => {
    await machines.attachNetwork(a.id, { networkId: NETWORK.id, ip: "10.254.1.5" });
    await machines.attachNetwork(a.id, { networkId: NETWORK.id, ip: "10.254.1.5" });
    await machines.attachNetwork(b.id, { networkId: NETWORK.id, ip: "10.254.1.6" });
    assert.match(await on(A, "ip -4 -brief address show eth1"), /UP +10\.254\.1\.5\/16/);
    await filterA(allow(`${GATEWAY_OF_A}/32`));
    assert.equal(await on(B, `${opens("10.254.1.5", 22)}; echo $?; ${opens(A, 22)}; echo $?`), "0\n124");
    await filterA(null);
    await machines.detachNetwork(b.id, NETWORK.id);
    await machines.detachNetwork(b.id, NETWORK.id);
    assert.equal(await on(B, "ip -4 -brief address show eth1 2>/dev/null | wc -l"), "0");
  });

  it("show a volume as soon as it is attached, and no longer than that", async () => {
    await machines.createVolume(41, 10);
    await machines.attachVolume(a.id, 41);
    assert.equal(await on(A, "mountpoint -q /mnt/HC_Volume_41 && echo kept > /mnt/HC_Volume_41/file; echo $?"), "0");
    await machines.createVolume(42, 10);
    await machines.attachVolume(b.id, 42);
    await machines.detachVolume(b.id, 42);
    assert.equal(await on(B, "ls /mnt"), "");
    await machines.deleteVolume(42);
  });

  it("come back from a reboot, ordered outside or inside, with address, NIC and volume", async () => {
    for (const reboot of [() => machines.reboot(a.id), () => ssh(A, "root", "systemctl reboot")]) {
      await on(A, "touch /run/before");
      await reboot();
      await waitFor(async () => (await on(A, "ls /run/before 2>/dev/null | wc -l")) === "0");
      const state = "ip -4 -brief address show eth0; ip -4 -brief address show eth1; cat /mnt/HC_Volume_41/file";
      assert.match(await on(A, state), /198\.18\.241\.2\/29.*10\.254\.1\.5\/16.*kept/s);
      assert.doesNotMatch(await on(A, "cat /etc/hosts; ip address"), /198\.19\./);
      assert.equal(await on(A, "systemctl is-system-running --wait"), "running");
    }
  });

  it("are off when switched off, and on when switched on", async () => {
    const running = async () => (await machines.states()).find(({ id }) => id === b.id)?.running;
    for (const off of [() => machines.shutdown(b.id), () => machines.powerOff(b.id)]) {
      await off();
      await off();
      assert.equal(await running(), false);
      await machines.changeType(b.id, 512, 1);
      await machines.powerOn(b.id);
      await machines.powerOn(b.id);
      assert.equal(await running(), true);
    }
    assert.equal(await on(B, "hostname"), "web-b");
  });

  it("take another address while they are off, and keep their disk", async () => {
    const moved = "198.18.241.26";
    await on(B, "echo mine > /root/file");
    await machines.powerOff(b.id);
    await machines.changeAddress(b.id, moved);
    await machines.powerOn(b.id);
    await writeFile(join(directory, "known_hosts"), `${moved} ${await readFile(join(directory, "host.pub"), "utf8")}`, {
      flag: "a",
    });
    assert.equal(await on(moved, "cat /root/file"), "mine");
    await machines.powerOff(b.id);
    await machines.changeAddress(b.id, null);
    await machines.powerOn(b.id);
    assert.notEqual((await ssh(moved, "root", "true")).exitCode, 0);
    await machines.powerOff(b.id);
  });

  it("are rebuilt with a new disk and the same addresses, host key and volume", async () => {
    const before = await on(A, "cat /sys/class/net/eth0/address; touch /root/old; cat /var/lib/cloud/data/instance-id");
    const nics = [{ networkId: NETWORK.id, ip: "10.254.1.5" }];
    await assert.rejects(
      machines.rebuild({ ...a, image: "debian-99" }, nics),
      /no Docker image.*debian-99.*Build it: /,
    );
    assert.equal(await on(A, "ls /root"), "old");
    await machines.rebuild({ ...a, image: "debian-12" }, nics);
    const [version, files, mac, address, volume, id] = (
      await on(
        A,
        `. /etc/os-release; echo $VERSION_ID; ls /root | wc -l; cat /sys/class/net/eth0/address
         ip -4 -brief address show eth1; cat /mnt/HC_Volume_41/file; cat /var/lib/cloud/data/instance-id`,
      )
    ).split("\n");
    assert.deepEqual([version, files, volume], ["12", "0", "kept"]);
    assert.match(address ?? "", /10\.254\.1\.5\/16/);
    assert.equal(mac, before.split("\n")[0]);
    assert.notEqual(id, before.split("\n")[1]);
  });

  it("may have private networks of one range, each its own world", async () => {
    await machines.createNetwork(32, NETWORK.range);
    await machines.attachNetwork(b.id, { networkId: 32, ip: "10.254.1.6" });
    await machines.changeAddress(b.id, B);
    await machines.powerOn(b.id);
    const seen = `ip -4 -brief address show to 10.0.0.0/8; ${opens("10.254.1.5", 22)}; echo $?`;
    assert.match(await on(B, seen), /10\.254\.1\.6\/16 *\n(1|124)$/);
    await machines.detachNetwork(b.id, 32);
    await machines.attachNetwork(b.id, { networkId: NETWORK.id, ip: "10.254.1.6" });
    assert.match(await on(B, seen), /10\.254\.1\.6\/16 *\n0$/);
  });

  it("refuse an address that is taken, naming who has it and how to free it, and leave nothing of the attempt", async () => {
    await assert.rejects(
      neighbour.createServer({ ...a, id: 13 }),
      new RegExp(`198\\.18\\.241\\.0/29.*lc-${name}-server-11 .*localcloud reset --name ${name}`),
    );
    assert.deepEqual((await left(docker, `${name}-b`)).networks, []);
    assert.deepEqual(await neighbour.states(), []);
  });

  it("are deleted with all that is theirs; what is missing is no error", async () => {
    await machines.deleteServer(b.id);
    await machines.deleteServer(b.id);
    await machines.deleteNetwork(32);
    await machines.deleteVolume(99);
    assert.deepEqual(await left(docker, name), {
      containers: [`lc-${name}-net`, `lc-${name}-server-11`],
      networks: [`lc-${name}-network-31`, `lc-${name}-server-11`],
      volumes: [`lc-${name}-volumes`],
    });
  });

  it("leave nothing after a reset, even if the helper is gone, and nothing of a neighbour is touched", async () => {
    await filterA([]);
    await neighbour.applyFilters([]);
    await docker.getContainer(`lc-${name}-net`).remove({ force: true });
    await machines.reset();
    await machines.reset();
    assert.deepEqual(await left(docker, name), { containers: [], networks: [], volumes: [] });
    const rules = await packetFilters(docker);
    const tables = rules.match(/localcloud_test_m\d+\w*/g)?.filter((table) => table.includes(`${process.pid}`));
    assert.deepEqual(tables, [`localcloud_test_m${process.pid}_b`]);
    const comments = rules.match(/localcloud:[\w-]+/g)?.filter((comment) => comment.includes(name));
    assert.deepEqual(comments, Array(3).fill(`localcloud:${name}-b`));
    await neighbour.reset();
    assert.doesNotMatch(await packetFilters(docker), new RegExp(`${process.pid}`));
  });
});

async function listen(host: string, onPeer: (address: string | undefined) => void): Promise<Server> {
  const server = createServer((socket) => {
    onPeer(socket.remoteAddress);
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return server;
}

async function waitFor(condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, "did not happen in 20 s");
    await sleep(100);
  }
}

async function left(docker: Docker, instance: string) {
  const filters = { label: [`localcloud.instance=${instance}`] };
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
async function packetFilters(docker: Docker): Promise<string> {
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
