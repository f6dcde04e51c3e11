import assert from "node:assert/strict";
import { execa } from "execa";
import { containerOptions } from "../../localcloud/machines/containers.ts";
import { namesOf } from "../../localcloud/machines/names.ts";
import { publicSubnet } from "../../localcloud/machines/public-networks.ts";
import { seedEntries, tarOf } from "../../localcloud/machines/seed.ts";

const GIB = 1024 ** 3;
const names = namesOf({ name: "test-a" });
const engine = {
  CgroupVersion: "1",
  MemTotal: 4 * GIB,
  NCPU: 2,
  MemoryLimit: true,
  CpuCfsQuota: true,
  ServerVersion: "20.10.24",
};
const spec = {
  id: 7,
  name: "web-1",
  image: "debian-13",
  ipv4: "198.18.241.2",
  userData: "",
  sshKeys: ["ssh-ed25519 AAAA it's: #me"],
  memoryMiB: 2048,
  cores: 1,
  start: true,
};

describe("containers of the local cloud", () => {
  it("get the limits of their type", () => {
    const { HostConfig } = containerOptions(names, spec, "image", engine);
    assert.deepEqual([HostConfig?.Memory, HostConfig?.MemorySwap, HostConfig?.NanoCpus], [2 * GIB, 2 * GIB, 1e9]);
  });

  it("get no more than the machine has, and no limit its kernel cannot keep", () => {
    const big = { ...spec, memoryMiB: 64 * 1024, cores: 16 };
    const { HostConfig: all } = containerOptions(names, big, "image", engine);
    assert.deepEqual([all?.Memory, all?.NanoCpus], [4 * GIB, 2e9]);
    const { HostConfig: none } = containerOptions(names, big, "image", {
      ...engine,
      MemoryLimit: false,
      CpuCfsQuota: false,
    });
    assert.deepEqual([none?.Memory, none?.NanoCpus], [undefined, undefined]);
  });

  it("see the control groups of the machine where there is no namespace for them", () => {
    const options = containerOptions(names, spec, "image", engine);
    assert.ok(options.HostConfig?.Binds?.includes("/sys/fs/cgroup:/sys/fs/cgroup:rw"));
    assert.deepEqual(options.Cmd, ["/sbin/init"]);
  });

  it("have control groups of their own where there is one", () => {
    const options = containerOptions(names, spec, "image", { ...engine, CgroupVersion: "2" });
    assert.deepEqual({ CgroupnsMode: "private", ...options.HostConfig }, options.HostConfig);
    assert.equal(
      options.HostConfig?.Binds?.some((bind) => bind.startsWith("/sys")),
      false,
    );
    assert.match(options.Cmd?.at(-1) ?? "", /remount,rw \/sys\/fs\/cgroup && exec \/sbin\/init$/);
  });

  it("are never privileged", () => {
    const { HostConfig } = containerOptions(names, spec, "image", engine);
    assert.equal(HostConfig?.Privileged, undefined);
    assert.equal(HostConfig?.Devices, undefined);
  });

  it("get keys and user data as files that only Docker carries", async () => {
    const userData = `#!/bin/sh\necho '${"ü".repeat(700)}'\n`;
    const archive = tarOf(seedEntries({ ...spec, userData }, "i-1"));
    const read = async (path: string) =>
      (await execa("tar", ["-xO", path], { input: archive, stripFinalNewline: false })).stdout;
    assert.equal(await read("var/lib/cloud/seed/nocloud/user-data"), userData);
    assert.deepEqual(JSON.parse(await read("var/lib/cloud/seed/nocloud/meta-data")), {
      "instance-id": "i-1",
      "local-hostname": "web-1",
      "public-keys": ["ssh-ed25519 AAAA it's: #me"],
    });
    const list = await execa("tar", ["-tv", "--numeric-owner"], { input: archive });
    assert.match(list.stdout, /^-rw------- 0\/0 +\d+ .* var\/lib\/cloud\/seed\/nocloud\/user-data$/m);
    assert.match(list.stdout, /^drwxr-xr-x 0\/0 +0 .* var\/lib\/cloud\/seed\/nocloud$/m);
  });

  it("are new to cloud-init every time they are made", () => {
    const idOf = () => seedEntries(spec).find(({ path }) => path.endsWith("meta-data"))?.content;
    assert.notEqual(idOf(), idOf());
  });

  it("take only the second host of a /29 for their address", () => {
    assert.deepEqual(publicSubnet("198.18.241.10"), { cidr: "198.18.241.8/29", gateway: "198.18.241.9" });
    for (const address of ["198.18.241.9", "198.18.241.11", "198.18.241.16", "nonsense", ""]) {
      assert.throws(() => publicSubnet(address), /is no address for a server/, address);
    }
  });
});
