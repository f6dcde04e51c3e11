import assert from "node:assert/strict";
import { execa } from "execa";
import { createDockerMachines } from "../../localcloud/machines/docker.ts";
import { openDocker } from "../../localcloud/machines/engine.ts";
import type { MachineSpec, PacketRule } from "../../localcloud/machines/types.ts";
import { left, listen, Operator, packetFilters, probe, testInstance, waitFor } from "./machines.world.ts";

/*
 * Real servers on this machine's Docker engine: needs the images `debian-12`, `debian-13` and `edge` (npm test builds them first).
 * The steps follow one another on the same two servers, because booting a pair for each would take minutes.
 */
const [A, B, MOVED] = ["198.18.241.2", "198.18.241.10", "198.18.241.26"];
const GATEWAY_OF_A = "198.18.241.1";
const NETWORK = { id: 31, range: "10.254.0.0/16" };
const log = { info: () => undefined, warn: () => undefined };
type Access = "open" | "shut";

describe("machines of the local cloud, for real", function () {
  this.timeout(180_000);
  const name = `test-m${process.pid}`;
  const docker = openDocker();
  const machines = createDockerMachines(testInstance(name), log);
  const neighbour = createDockerMachines(testInstance(`${name}-b`), log);
  const operator = new Operator();
  const on: Operator["on"] = (...args) => operator.on(...args);
  const server = { image: "debian-13", userData: operator.userData, sshKeys: [operator.publicKey], cores: 1 };
  const a: MachineSpec = { ...server, id: 11, name: "web-a", ipv4: A, memoryMiB: 1024, start: true };
  const b: MachineSpec = { ...server, id: 12, name: "web-b", ipv4: B, memoryMiB: 1024, start: true };

  const filterA = (filter: PacketRule[] | null) => machines.applyFilters([{ serverId: a.id, ipv4: A, filter }]);
  const allow = (cidr: string): PacketRule[] => [{ direction: "in", protocol: "tcp", port: "22", cidrs: [cidr] }];
  const allowOut = (port: number, cidr: string): PacketRule[] => [
    { direction: "out", protocol: "tcp", port: `${port}`, cidrs: [cidr] },
  ];

  before(async () => {
    await operator.open([A, B, MOVED]);
    await machines.createNetwork(NETWORK.id, NETWORK.range);
    await Promise.all([machines.createServer(a), machines.createServer(b)]);
  });

  after(async () => {
    await machines.reset();
    await neighbour.reset();
    await operator.close();
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
    const check = async (filter: PacketRule[] | null, host: Access, fromB: Access) => {
      await filterA(filter);
      const seen = await execa("bash", ["-c", probe(A, 22, host)]);
      assert.deepEqual({ host: seen.stdout, fromB: await on(B, probe(A, 22, fromB)) }, { host, fromB });
    };
    await check(null, "open", "open");
    await check([], "shut", "shut");
    await check(allow(`${B}/32`), "shut", "open");
    await check(allow(`${GATEWAY_OF_A}/32`), "open", "shut");
    await check(null, "open", "open");
  });

  it("see each other by their own addresses, whichever network was made last", async () => {
    const listener = `timeout 20 python3 -c 'import socket; print(socket.create_server(("", 7000)).accept()[1][0])'`;
    const caller = (host: string) => `until (exec 3<>/dev/tcp/${host}/7000) 2>/dev/null; do sleep 0.2; done`;
    for (const [from, to] of [
      [A, B],
      [B, A],
    ] as const)
      assert.equal((await Promise.all([on(to, listener), on(from, caller(to))]))[0], from);
  });

  it("reach this machine by their own address, and what their outbound rules allow", async () => {
    const peers: (string | undefined)[] = [];
    const listener = await listen(GATEWAY_OF_A, (peer) => peers.push(peer));
    const address = listener.address();
    const port = address !== null && typeof address === "object" ? address.port : 0;
    const check = async (filter: PacketRule[] | null, host: Access, toB: Access) => {
      await filterA(filter);
      const seen = await on(A, `${probe(GATEWAY_OF_A, port, host)}; ${probe(B, 22, toB)}`);
      assert.equal(seen, `${host}\n${toB}`);
    };
    try {
      await check(null, "open", "open");
      assert.deepEqual(peers, [A]);
      await check([...allow("0.0.0.0/0"), ...allowOut(22, `${B}/32`)], "shut", "open");
      await check([...allow("0.0.0.0/0"), ...allowOut(port, "0.0.0.0/0")], "open", "shut");
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
    assert.equal(await on(B, `${probe("10.254.1.5", 22, "open")}; ${probe(A, 22, "shut")}`), "open\nshut");
    await filterA(null);
    await machines.detachNetwork(b.id, NETWORK.id);
    await machines.detachNetwork(b.id, NETWORK.id);
    assert.equal(await on(B, "ip -4 -brief address show to 10.0.0.0/8; ls /sys/class/net"), "eth0\nlo");
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
    for (const reboot of [() => machines.reboot(a.id), () => operator.ssh(A, "systemctl reboot")]) {
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
    await on(B, "echo mine > /root/file");
    await machines.powerOff(b.id);
    await machines.changeAddress(b.id, MOVED);
    await machines.powerOn(b.id);
    assert.equal(await on(MOVED, "cat /root/file"), "mine");
    await machines.powerOff(b.id);
    await machines.changeAddress(b.id, null);
    await machines.powerOn(b.id);
    assert.notEqual((await operator.ssh(MOVED, "true")).exitCode, 0);
    await machines.powerOff(b.id);
    await machines.changeAddress(b.id, B);
    await machines.powerOn(b.id);
    assert.equal(await on(B, "cat /root/file"), "mine");
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
    const after = await on(
      A,
      `. /etc/os-release; echo $VERSION_ID; ls /root | wc -l; cat /sys/class/net/eth0/address
       ip -4 -brief address show eth1; cat /mnt/HC_Volume_41/file; cat /var/lib/cloud/data/instance-id`,
    );
    const [version, files, mac, address, volume, id] = after.split("\n");
    assert.deepEqual([version, files, volume], ["12", "0", "kept"]);
    assert.match(address ?? "", /10\.254\.1\.5\/16/);
    assert.equal(mac, before.split("\n")[0]);
    assert.notEqual(id, before.split("\n")[1]);
  });

  it("may have private networks of one range, each its own world", async () => {
    const seen = (expected: Access) => `ip -4 -brief address show to 10.0.0.0/8; ${probe("10.254.1.5", 22, expected)}`;
    await machines.createNetwork(32, NETWORK.range);
    await machines.attachNetwork(b.id, { networkId: 32, ip: "10.254.1.6" });
    assert.match(await on(B, seen("shut")), /10\.254\.1\.6\/16 *\nshut$/);
    await machines.detachNetwork(b.id, 32);
    await machines.attachNetwork(b.id, { networkId: NETWORK.id, ip: "10.254.1.6" });
    assert.match(await on(B, seen("open")), /10\.254\.1\.6\/16 *\nopen$/);
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
    assert.doesNotMatch(await packetFilters(docker), new RegExp(`localcloud.test.m${process.pid}`));
  });
});
