import assert from "node:assert/strict";
import { HetznerUnderTest } from "../support/hetzner.ts";

const subnet = (ip_range: string, network_zone = "eu-central") => ({ type: "cloud", ip_range, network_zone });

describe("Hetzner API: networks, addresses, volumes", () => {
  let cloud: HetznerUnderTest;
  beforeEach(() => {
    cloud = new HetznerUnderTest();
  });
  afterEach(() => cloud.discard());

  describe("networks", () => {
    for (const ip_range of ["10.0.0.1/16", "8.8.8.0/24", "10.0.0.0/25", "10.0.0.0", "fd00::/64", "10.0.0.0/33"]) {
      it(`refuses the range ${ip_range}`, () =>
        cloud.refused(422, "invalid_input", "POST", "/networks", { name: "n", ip_range }));
    }

    it("refuses a name that is taken", async () => {
      await cloud.ok("POST", "/networks", { name: "n", ip_range: "10.0.0.0/16" });
      await cloud.refused(409, "uniqueness_error", "POST", "/networks", { name: "n", ip_range: "10.1.0.0/16" });
    });

    it("leaves nothing behind when the machines cannot make it", async () => {
      cloud.machines.createNetwork = () => Promise.reject(new Error("pool overlaps"));
      await cloud.refused(500, "server_error", "POST", "/networks", { name: "n", ip_range: "10.0.0.0/16" });
      assert.deepEqual((await cloud.ok("GET", "/networks")).networks, []);
    });

    it("lives: create, subnets, update, protection, delete", async () => {
      const { network } = await cloud.ok("POST", "/networks", {
        name: "n",
        ip_range: "10.0.0.0/16",
        labels: { a: "b" },
      });
      assert.deepEqual([network.subnets, network.routes, network.servers], [[], [], []]);
      const path = `/networks/${network.id}`;
      for (const bad of [
        subnet("10.1.0.0/24"),
        subnet("10.0.1.1/24"),
        subnet("10.0.1.0/31"),
        subnet("10.0.1.0/24", "mars"),
      ]) {
        await cloud.refused(422, "invalid_input", "POST", `${path}/actions/add_subnet`, bad);
      }
      await cloud.ok("POST", `${path}/actions/add_subnet`, subnet("10.0.1.0/24"));
      await cloud.refused(422, "invalid_input", "POST", `${path}/actions/add_subnet`, subnet("10.0.1.128/25"));
      await cloud.ok("POST", `${path}/actions/add_subnet`, { type: "cloud", network_zone: "eu-central" });
      const read = (await cloud.ok("GET", path)).network;
      assert.deepEqual(
        read.subnets.map((each) => [each.ip_range, each.gateway]),
        [
          ["10.0.1.0/24", "10.0.0.1"],
          ["10.0.0.0/24", "10.0.0.1"],
        ],
      );
      const renamed = await cloud.ok("PUT", path, { name: "m", expose_routes_to_vswitch: true });
      assert.deepEqual([renamed.network.name, renamed.network.labels], ["m", { a: "b" }]);
      await cloud.ok("POST", `${path}/actions/delete_subnet`, { ip_range: "10.0.0.0/24" });
      await cloud.refused(404, "not_found", "POST", `${path}/actions/delete_subnet`, { ip_range: "10.0.0.0/24" });
      await cloud.ok("POST", `${path}/actions/change_protection`, { delete: true });
      await cloud.refused(423, "protected", "DELETE", path);
      await cloud.ok("POST", `${path}/actions/change_protection`, { delete: false });
      assert.equal((await cloud.call("DELETE", path)).status, 204);
      assert.equal(cloud.machines.networks.size, 0);
    });
  });

  describe("servers in networks", () => {
    const make = async (name: string, ip_range: string) =>
      (await cloud.ok("POST", "/networks", { name, ip_range, subnets: [subnet(ip_range.replace("/16", "/24"))] }))
        .network;

    it("are attached at the address asked for or the first free one", async () => {
      const network = await make("n", "10.0.0.0/16");
      const [a, b] = [await cloud.server("a"), await cloud.server("b")];
      await cloud.ok("POST", `/servers/${a.id}/actions/attach_to_network`, { network: network.id });
      await cloud.ok("POST", `/servers/${b.id}/actions/attach_to_network`, { network: network.id, ip: "10.0.0.9" });
      const nics = [a, b].map((server) => cloud.machines.nics.get(server.id)?.[0]);
      assert.deepEqual(nics, [
        { networkId: network.id, ip: "10.0.0.2" },
        { networkId: network.id, ip: "10.0.0.9" },
      ]);
      const { server } = await cloud.ok("GET", `/servers/${b.id}`);
      assert.deepEqual(server.private_net, [
        { network: network.id, ip: "10.0.0.9", alias_ips: [], mac_address: "02:42:0a:00:00:09" },
      ]);
      assert.deepEqual((await cloud.ok("GET", `/networks/${network.id}`)).network.servers, [a.id, b.id]);
    });

    it("are refused twice, at a taken or foreign address, without subnet, or where ranges overlap", async () => {
      const network = await make("n", "10.0.0.0/16");
      const other = await make("o", "10.0.0.0/16");
      const { network: bare } = await cloud.ok("POST", "/networks", { name: "bare", ip_range: "10.9.0.0/16" });
      const [a, b] = [await cloud.server("a"), await cloud.server("b")];
      const attach = (id: number) => `/servers/${id}/actions/attach_to_network`;
      await cloud.ok("POST", attach(a.id), { network: network.id, ip: "10.0.0.5" });
      await cloud.refused(409, "server_already_attached", "POST", attach(a.id), { network: network.id });
      await cloud.refused(409, "networks_overlap", "POST", attach(a.id), { network: other.id });
      await cloud.refused(409, "no_subnet_available", "POST", attach(a.id), { network: bare.id });
      await cloud.refused(409, "ip_not_available", "POST", attach(b.id), { network: network.id, ip: "10.0.0.5" });
      await cloud.refused(409, "ip_not_available", "POST", attach(b.id), { network: network.id, ip: "10.0.0.1" });
      await cloud.refused(409, "ip_not_available", "POST", attach(b.id), { network: network.id, ip: "10.0.0.255" });
      await cloud.refused(422, "invalid_input", "POST", attach(b.id), { network: network.id, ip: "10.0.7.7" });
      await cloud.refused(404, "not_found", "POST", attach(b.id), { network: 4711 });
    });

    it("give the address back when the NIC cannot be plugged", async () => {
      const network = await make("n", "10.0.0.0/16");
      const { id } = await cloud.server("a");
      cloud.machines.nextFailure = new Error("no");
      await cloud.ok("POST", `/servers/${id}/actions/attach_to_network`, { network: network.id });
      assert.deepEqual((await cloud.ok("GET", `/servers/${id}`)).server.private_net, []);
    });

    it("keep a subnet from being deleted, with the words clients wait on; the network detaches them", async () => {
      const network = await make("n", "10.0.0.0/16");
      const { id } = await cloud.server("a", { networks: [network.id] });
      const path = `/networks/${network.id}`;
      const error = await cloud.refused(422, "service_error", "POST", `${path}/actions/delete_subnet`, {
        ip_range: "10.0.0.0/24",
      });
      assert.match(error.message, /servers are attached/);
      await cloud.ok("DELETE", path);
      assert.deepEqual((await cloud.ok("GET", `/servers/${id}`)).server.private_net, []);
      await cloud.refused(422, "invalid_input", "POST", `/servers/${id}/actions/detach_from_network`, {
        network: network.id,
      });
    });
  });

  describe("Primary IPs", () => {
    it("live: create, read, update, assign to a server that is off, unassign, delete", async () => {
      await cloud.refused(422, "invalid_input", "POST", "/primary_ips", { name: "p", type: "ipv4" });
      const create = { name: "p", type: "ipv4", location: "fsn1", labels: { a: "b" } };
      const { primary_ip, action } = await cloud.ok("POST", "/primary_ips", create);
      assert.deepEqual([primary_ip.ip, primary_ip.assignee_id, action], ["198.18.1.2", null, null]);
      await cloud.refused(409, "uniqueness_error", "POST", "/primary_ips", create);
      const path = `/primary_ips/${primary_ip.id}`;
      await cloud.ok("PUT", path, { auto_delete: true });
      const { id } = await cloud.server("a");
      const assign = { assignee_id: id, assignee_type: "server" };
      await cloud.refused(422, "server_not_stopped", "POST", `${path}/actions/assign`, assign);
      await cloud.ok("POST", `/servers/${id}/actions/poweroff`);
      await cloud.refused(409, "server_has_ipv4", "POST", `${path}/actions/assign`, assign);
      const own = (await cloud.ok("GET", `/servers/${id}`)).server.public_net.ipv4?.id;
      await cloud.ok("POST", `/primary_ips/${own}/actions/unassign`);
      assert.ok(cloud.machines.calls.includes(`changeAddress ${id} null`));
      await cloud.ok("POST", `${path}/actions/assign`, assign);
      assert.ok(cloud.machines.calls.includes(`changeAddress ${id} 198.18.1.2`));
      assert.equal((await cloud.ok("GET", `/servers/${id}`)).server.public_net.ipv4?.ip, "198.18.1.2");
      assert.equal(cloud.machines.filters[0]?.ipv4, "198.18.1.2");
      await cloud.ok("POST", `${path}/actions/change_protection`, { delete: true });
      await cloud.refused(423, "protected", "DELETE", path);
      await cloud.ok("POST", `${path}/actions/change_dns_ptr`, { ip: "198.18.1.2", dns_ptr: "p.test" });
      const read = (await cloud.ok("GET", "/primary_ips?ip=198.18.1.2")).primary_ips[0];
      assert.deepEqual(read?.dns_ptr, [{ ip: "198.18.1.2", dns_ptr: "p.test" }]);
      assert.deepEqual([read?.auto_delete, read?.assignee_id], [true, id]);
      await cloud.ok("POST", `${path}/actions/change_protection`, { delete: false });
      assert.equal((await cloud.call("DELETE", path)).status, 204);
    });
  });

  describe("volumes", () => {
    it("live: create, attach, resize, detach, protection, delete", async () => {
      for (const bad of [{ size: 9 }, { format: "fat" }, { location: "fsn9" }]) {
        const body = { name: "v", size: 10, location: "fsn1", ...bad };
        await cloud.refused(422, "invalid_input", "POST", "/volumes", body);
      }
      const create = { name: "v", size: 10, location: "fsn1", format: "ext4" };
      const { volume } = await cloud.ok("POST", "/volumes", create);
      assert.equal(volume.linux_device, `/dev/disk/by-id/scsi-0HC_Volume_${volume.id}`);
      await cloud.refused(409, "uniqueness_error", "POST", "/volumes", create);
      const path = `/volumes/${volume.id}`;
      const far = await cloud.server("far", { location: "hel1" });
      await cloud.refused(422, "invalid_input", "POST", `${path}/actions/attach`, { server: far.id });
      const near = await cloud.server("near");
      await cloud.ok("POST", `${path}/actions/attach`, { server: near.id });
      assert.deepEqual((await cloud.ok("GET", `/servers/${near.id}`)).server.volumes, [volume.id]);
      await cloud.refused(409, "volume_already_attached", "POST", `${path}/actions/attach`, { server: near.id });
      await cloud.refused(409, "volume_already_attached", "DELETE", path);
      await cloud.refused(422, "invalid_input", "POST", `${path}/actions/resize`, { size: 10 });
      await cloud.ok("POST", `${path}/actions/resize`, { size: 20 });
      await cloud.ok("POST", `${path}/actions/detach`, {});
      await cloud.refused(422, "invalid_input", "POST", `${path}/actions/detach`, {});
      await cloud.ok("POST", `${path}/actions/change_protection`, { delete: true });
      await cloud.refused(423, "protected", "DELETE", path);
      await cloud.ok("POST", `${path}/actions/change_protection`, { delete: false });
      const read = (await cloud.ok("PUT", path, { name: "w" })).volume;
      assert.deepEqual([read.name, read.size, read.format, read.server], ["w", 20, "ext4", null]);
      assert.equal((await cloud.call("DELETE", path)).status, 204);
      assert.equal(cloud.machines.volumes.size, 0);
    });

    it("are attached when made for a server, as a next action", async () => {
      const { id } = await cloud.server("a");
      const { volume, next_actions } = await cloud.ok("POST", "/volumes", { name: "v", size: 10, server: id });
      assert.equal(next_actions[0]?.command, "attach_volume");
      assert.equal((await cloud.ok("GET", `/volumes/${volume.id}`)).volume.server, id);
    });
  });
});
