import assert from "node:assert/strict";
import type { AddressInfo } from "node:net";
import { Hcloud } from "../../localcloud/plugins/hcloud/client.ts";
import type { Properties } from "../../localcloud/plugins/values.ts";
import { HetznerUnderTest, KEY, TOKEN } from "../support/hetzner.ts";
import { contextOf, providerOf, resourceOf } from "../support/plugins.ts";

const FLAGS = { backups: false, deleteProtection: false, rebuildProtection: false, shutdownBeforeDeletion: false };
const SERVER = { name: "green", serverType: "cx23", image: "debian-13", location: "fsn1", ...FLAGS };

describe("plugins: hcloud at the Hetzner API", () => {
  const api = new HetznerUnderTest();
  let client: Hcloud;

  before(async () => {
    await api.app.listen({ port: 0, host: "127.0.0.1" });
    const { port } = api.app.server.address() as AddressInfo;
    client = new Hcloud(`http://127.0.0.1:${port}/hetzner/v1`, TOKEN);
  });
  after(() => api.discard());

  const context = () => contextOf<unknown>(client);

  async function make(kind: string, inputs: Properties) {
    return (await resourceOf(kind)).create(context(), inputs);
  }

  it("a server runs when it is made, and is described as the official provider describes it", async () => {
    const key = await make("hcloud:index/sshKey:SshKey", { name: "k", publicKey: KEY, labels: {} });
    const { id, state } = await make("hcloud:index/server:Server", {
      ...SERVER,
      sshKeys: [key.id],
      userData: "#cloud-config",
    });
    assert.match(id, /^\d+$/);
    assert.deepEqual(
      [state.status, state.serverType, state.image, state.location, state.labels, state.backupWindow, state.networks],
      ["running", "cx23", "debian-13", "fsn1", {}, "", undefined],
    );
    assert.match(String(state.ipv4Address), /^198\.18\./);
    assert.match(String(state.ipv6Address), /::1$/);
    assert.match(String(state.ipv6Network), /::\/64$/);
    assert.equal(state.userData, "9sPmzwZu7u8+strUGnJb//9LpaU=", "a digest, not the text");
  });

  it("a creation that fails on the way is kept in the state", async () => {
    api.faults.add({
      api: "hetzner",
      method: "POST",
      path: "^/servers$",
      times: 1,
      kind: "action",
      code: "server_error",
      message: "no room",
    });
    await assert.rejects(
      make("hcloud:index/server:Server", { ...SERVER, name: "broken" }),
      (error: Error & { live?: { id: string } }) => {
        assert.match(error.message, /no room \(server_error/);
        assert.match(error.live?.id ?? "", /^\d+$/);
        return true;
      },
    );
  });

  it("a conflict is tried again, a refusal is not", async () => {
    api.faults.add({
      api: "hetzner",
      method: "POST",
      path: "^/networks$",
      times: 1,
      kind: "status",
      status: 409,
      code: "conflict",
      message: "busy",
    });
    const network = await make("hcloud:index/network:Network", {
      name: "n",
      ipRange: "10.20.0.0/16",
      deleteProtection: false,
      exposeRoutesToVswitch: false,
    });
    assert.equal(network.state.ipRange, "10.20.0.0/16");
    const again = make("hcloud:index/network:Network", {
      name: "n",
      ipRange: "10.20.0.0/16",
      deleteProtection: false,
      exposeRoutesToVswitch: false,
    });
    await assert.rejects(again, /uniqueness_error/);
  });

  it("what is gone reads as gone, and deleting it again is fine", async () => {
    for (const kind of [
      "network:Network",
      "firewall:Firewall",
      "server:Server",
      "primaryIp:PrimaryIp",
      "volume:Volume",
      "sshKey:SshKey",
    ]) {
      const gone = await resourceOf(`hcloud:index/${kind}`);
      assert.equal(await gone.read(context(), "987654", {}, {}), undefined, kind);
      await gone.delete(context(), "987654", {});
    }
    const subnet = await resourceOf("hcloud:index/networkSubnet:NetworkSubnet");
    assert.equal(await subnet.read(context(), "987654-10.0.0.0/24", {}, {}), undefined);
  });

  it("a firewall is applied, changed as a whole, and removed from everything before it goes", async () => {
    const server = await make("hcloud:index/server:Server", { ...SERVER, name: "guarded" });
    const firewall = await resourceOf("hcloud:index/firewall:Firewall");
    const rule = { direction: "in", protocol: "tcp", port: "22", sourceIps: ["10.0.0.1", "::/0"] };
    const { id, state } = await firewall.create(context(), {
      name: "f",
      rules: [rule],
      applyTos: [{ server: Number(server.id) }],
    });
    assert.deepEqual(state.applyTos, [{ server: Number(server.id) }]);
    assert.deepEqual(state.rules, [{ ...rule, sourceIps: ["10.0.0.1/32", "::/0"], destinationIps: [] }]);
    const attached = await (await resourceOf("hcloud:index/server:Server")).read(
      context(),
      server.id,
      server.state,
      SERVER,
    );
    assert.deepEqual(attached?.state.firewallIds, [Number(id)]);
    await firewall.delete(context(), id, state);
    assert.equal(await firewall.read(context(), id, state, {}), undefined);
  });

  it("a server joins a network by its subnet and leaves it again", async () => {
    const server = await make("hcloud:index/server:Server", { ...SERVER, name: "inside" });
    const network = await make("hcloud:index/network:Network", {
      name: "m",
      ipRange: "10.30.0.0/16",
      deleteProtection: false,
      exposeRoutesToVswitch: false,
    });
    const subnet = await make("hcloud:index/networkSubnet:NetworkSubnet", {
      networkId: Number(network.id),
      type: "cloud",
      networkZone: "eu-central",
      ipRange: "10.30.1.0/24",
    });
    assert.deepEqual([subnet.id, subnet.state.gateway], [`${network.id}-10.30.1.0/24`, "10.30.0.1"]);
    const nic = await resourceOf("hcloud:index/serverNetwork:ServerNetwork");
    const { id, state } = await nic.create(context(), {
      serverId: Number(server.id),
      subnetId: subnet.id,
      aliasIps: [],
    });
    assert.deepEqual([id, state.networkId], [`${server.id}-${network.id}`, Number(network.id)]);
    assert.match(String(state.ip), /^10\.30\.1\./);
    await nic.delete(context(), id, state);
    assert.equal(await nic.read(context(), id, state, {}), undefined);
  });

  it("a name that does not exist is told by name", async () => {
    await assert.rejects(
      make("hcloud:index/server:Server", { ...SERVER, serverType: "cx99" }),
      /server type cx99 not found/,
    );
    await assert.rejects(
      make("hcloud:index/server:Server", { ...SERVER, image: "beos" }),
      /image beos for architecture x86 not found/,
    );
    await assert.rejects(
      make("hcloud:index/server:Server", { ...SERVER, sshKeys: ["nobody"] }),
      /SSH key nobody not found/,
    );
  });

  it("a wrong token and a cloud that is not there are told as such", async () => {
    const network = await resourceOf("hcloud:index/network:Network");
    const wrong = contextOf<unknown>(new Hcloud(client.endpoint, "x".repeat(64)));
    await assert.rejects(network.read(wrong, "1", {}, {}), /the token you have provided is invalid \(unauthorized\)/);
    const nowhere = contextOf<unknown>(new Hcloud("http://127.0.0.1:1/v1", TOKEN));
    await assert.rejects(
      network.read(nowhere, "1", {}, {}),
      /cannot reach the Hetzner API at http:\/\/127\.0\.0\.1:1\/v1: .*is the local cloud running\?/,
    );
  });

  it("lookups answer by name", async () => {
    const { functions } = await providerOf("hcloud");
    const type = await functions["hcloud:index/getServerType:getServerType"]?.run(context(), { name: "cx33" });
    assert.deepEqual([type?.name, type?.cores, type?.architecture], ["cx33", 4, "x86"]);
    const image = await functions["hcloud:index/getImage:getImage"]?.run(context(), { name: "debian-13" });
    assert.equal(image?.osFlavor, "debian");
    await assert.rejects(
      async () => functions["hcloud:index/getLocation:getLocation"]?.run(context(), { name: "moon1" }),
      /no location found with name moon1/,
    );
  });
});
