import assert from "node:assert/strict";
import { HetznerUnderTest, KEY, TOKEN } from "../support/hetzner.ts";

const base = { name: "web", server_type: "cx23", image: "debian-13", location: "fsn1" };

describe("Hetzner API: servers", () => {
  let cloud: HetznerUnderTest;
  beforeEach(() => {
    cloud = new HetznerUnderTest();
  });
  afterEach(() => cloud.discard());

  describe("refuses to create", () => {
    const refusals: [string, object, string, string | RegExp][] = [
      ["a name that is no hostname", { name: "my_web" }, "invalid_input", /'name': is not a valid hostname/],
      ["an unknown type", { server_type: "cx99" }, "invalid_input", /server type 'cx99' not found/],
      [
        "a type the location does not sell",
        { location: "ash" },
        "invalid_input",
        "unsupported location for server type",
      ],
      ["ARM outside Europe", { server_type: "cax11", location: "hil" }, "invalid_input", /unsupported location/],
      ["an unknown location", { location: "fsn9" }, "invalid_input", "location 'fsn9' not found"],
      ["an unknown image", { image: "debian-99" }, "invalid_input", /image 'debian-99' not found/],
      ["an unknown key", { ssh_keys: [4711] }, "invalid_input", /SSH key '4711' not found/],
      [
        "an unknown firewall",
        { firewalls: [{ firewall: 4711 }] },
        "invalid_input",
        /firewall with ID '4711' not found/,
      ],
      ["an unknown placement group", { placement_group: 1 }, "invalid_input", /placement group/],
      ["a bad label", { labels: { "": "x" } }, "invalid_input", /label key ''/],
      ["too much user data", { user_data: "x".repeat(32769) }, "invalid_input", /32 KiB/],
      ["an unknown field", { colour: "red" }, "invalid_input", /'colour': unknown field/],
    ];
    for (const [what, body, code, message] of refusals) {
      it(what, async () => {
        const error = await cloud.refused(422, code, "POST", "/servers", { ...base, ...body });
        assert.ok(typeof message === "string" ? error.message === message : message.test(error.message), error.message);
        assert.deepEqual((await cloud.ok("GET", "/servers")).servers, []);
        assert.deepEqual((await cloud.ok("GET", "/primary_ips")).primary_ips, [], "no address is left behind");
      });
    }

    it("a network that does not exist", () =>
      cloud.refused(404, "not_found", "POST", "/servers", { ...base, networks: [4711] }));

    it("a name that is taken, in whatever case", async () => {
      await cloud.server("web");
      const error = await cloud.refused(409, "uniqueness_error", "POST", "/servers", { ...base, name: "WEB" });
      assert.equal(error.message, "server name is already used");
    });

    it("one of two servers asked for at once under the same name", async () => {
      const answers = await Promise.all([cloud.call("POST", "/servers", base), cloud.call("POST", "/servers", base)]);
      assert.deepEqual(answers.map((answer) => answer.status).sort(), [201, 409]);
    });

    it("a Primary IP of the wrong kind, place or owner", async () => {
      const make = async (body: object) => (await cloud.ok("POST", "/primary_ips", body)).primary_ip.id;
      const v6 = await make({ name: "six", type: "ipv6", location: "fsn1" });
      const far = await make({ name: "far", type: "ipv4", location: "hel1" });
      const own = await make({ name: "own", type: "ipv4", location: "fsn1" });
      const net = (ipv4: number) => ({ ...base, public_net: { enable_ipv4: true, enable_ipv6: false, ipv4 } });
      await cloud.refused(422, "primary_ip_version_mismatch", "POST", "/servers", net(v6));
      await cloud.refused(422, "primary_ip_datacenter_mismatch", "POST", "/servers", net(far));
      await cloud.ok("POST", "/servers", net(own));
      await cloud.refused(409, "primary_ip_assigned", "POST", "/servers", { ...net(own), name: "second" });
    });
  });

  describe("creates", () => {
    it("runs in the background: the answer shows it initializing and locked, the action under way", async () => {
      cloud.machines.hold();
      const { ssh_key } = await cloud.ok("POST", "/ssh_keys", { name: "me", public_key: KEY });
      const { status, body } = await cloud.call("POST", "/servers", {
        ...base,
        ssh_keys: [ssh_key.id],
        user_data: "#!/bin/sh",
      });
      assert.equal(status, 201);
      assert.deepEqual([body.server.status, body.server.locked], ["initializing", true]);
      assert.deepEqual(
        [body.action.command, body.action.status, body.action.finished],
        ["create_server", "running", null],
      );
      assert.deepEqual(body.action.resources, [{ id: body.server.id, type: "server" }]);
      assert.equal(body.next_actions[0]?.command, "start_server");
      assert.equal(body.root_password, null, "with a key nobody needs a password");
      await cloud.refused(423, "locked", "DELETE", `/servers/${body.server.id}`);
      await cloud.refused(423, "locked", "POST", `/servers/${body.server.id}/actions/poweroff`);
      cloud.machines.release();
      await cloud.hub.actions.settled();
      const { server } = await cloud.ok("GET", `/servers/${body.server.id}`);
      assert.deepEqual([server.status, server.locked], ["running", false]);
      const spec = cloud.machines.specs.get(server.id);
      assert.deepEqual(spec, {
        id: server.id,
        name: "web",
        image: "debian-13",
        ipv4: "198.18.1.2",
        userData: "#!/bin/sh",
        sshKeys: [KEY],
        memoryMiB: 4096,
        cores: 2,
        start: true,
      });
    });

    it("carries every documented field", async () => {
      const server = await cloud.server("web");
      assert.equal(server.public_net.ipv4?.ip, "198.18.1.2");
      assert.equal(server.public_net.ipv4?.dns_ptr, "static.2.1.18.198.clients.your-server.de");
      assert.match(String(server.public_net.ipv6?.ip), /^2001:db8:[0-9a-f:]+\/64$/);
      assert.equal(server.datacenter.name, "fsn1-dc14");
      assert.equal(server.image?.name, "debian-13");
      assert.equal(server.primary_disk_size, 40);
      assert.ok(!Number.isNaN(Date.parse(server.created)));
      for (const key of [
        "iso",
        "rescue_enabled",
        "backup_window",
        "outgoing_traffic",
        "ingoing_traffic",
        "included_traffic",
      ]) {
        assert.ok(key in server, key);
      }
    });

    it("gives each server the lowest free /29", async () => {
      const [first, second] = [await cloud.server("a"), await cloud.server("b")];
      assert.equal(second.public_net.ipv4?.ip, "198.18.1.10");
      await cloud.ok("DELETE", `/servers/${first.id}`);
      assert.equal((await cloud.server("c")).public_net.ipv4?.ip, "198.18.1.2");
    });

    it("a server without public addresses that is not started", async () => {
      const public_net = { enable_ipv4: false, enable_ipv6: false };
      const server = await cloud.server("db", { public_net, start_after_create: false });
      assert.deepEqual([server.status, server.public_net.ipv4, server.public_net.ipv6], ["off", null, null]);
      assert.equal(cloud.machines.specs.get(server.id)?.ipv4, null);
    });

    it("accepts a datacenter and an image id, as older programs send them", async () => {
      const server = await cloud.server("old", { location: undefined, datacenter: "hel1-dc2", image: 114690387 });
      assert.deepEqual([server.location.name, server.image?.name], ["hel1", "debian-12"]);
    });

    it("leaves a server whose creation failed, with the reason in the action", async () => {
      cloud.machines.nextFailure = new Error("no space left on device");
      const { body } = await cloud.call("POST", "/servers", base);
      await cloud.hub.actions.settled();
      const { actions } = await cloud.ok("GET", `/actions?id=${body.action.id}&id=${body.next_actions[0]?.id}`);
      assert.deepEqual(
        actions.map((action) => action.status),
        ["error", "error"],
      );
      assert.deepEqual(actions[0]?.error, { code: "action_failed", message: "no space left on device" });
      await cloud.ok("DELETE", `/servers/${body.server.id}`);
      assert.deepEqual((await cloud.ok("GET", "/primary_ips")).primary_ips, []);
    });
  });

  describe("power", () => {
    it("goes off and on, also when it already is", async () => {
      const { id } = await cloud.server("web");
      const commands = ["poweron", "poweroff", "poweroff", "poweron", "reboot", "reset", "shutdown"];
      const seen: string[] = [];
      for (const command of commands) {
        await cloud.ok("POST", `/servers/${id}/actions/${command}`);
        seen.push((await cloud.ok("GET", `/servers/${id}`)).server.status);
      }
      assert.deepEqual(seen, ["running", "off", "off", "running", "running", "running", "off"]);
      await cloud.refused(422, "service_error", "POST", `/servers/${id}/actions/reboot`);
      assert.equal(cloud.machines.calls.filter((call) => call.startsWith("powerOff")).length, 2);
    });

    it("goes off by a call that announces JSON and sends none", async () => {
      const { id } = await cloud.server("web");
      const response = await cloud.app.inject({
        method: "POST",
        url: `/hetzner/v1/servers/${id}/actions/poweroff`,
        headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
      });
      assert.equal(response.statusCode, 201);
    });

    it("keeps its status when the machine refuses", async () => {
      const { id } = await cloud.server("web");
      cloud.machines.nextFailure = new Error("engine gone");
      const { action } = await cloud.ok("POST", `/servers/${id}/actions/poweroff`);
      assert.equal((await cloud.ok("GET", `/actions/${action.id}`)).action.status, "error");
      assert.equal((await cloud.ok("GET", `/servers/${id}`)).server.status, "running");
    });
  });

  describe("changes", () => {
    it("renames and relabels, not to a taken name", async () => {
      const { id } = await cloud.server("a");
      await cloud.server("b");
      await cloud.refused(409, "uniqueness_error", "PUT", `/servers/${id}`, { name: "b" });
      const { server } = await cloud.ok("PUT", `/servers/${id}`, { name: "c", labels: { x: "y" } });
      assert.deepEqual([server.name, server.labels], ["c", { x: "y" }]);
    });

    it("changes its type only when off, to one that fits, and starts again by itself", async () => {
      const { id } = await cloud.server("web");
      const path = `/servers/${id}/actions/change_type`;
      await cloud.refused(422, "server_not_stopped", "POST", path, { server_type: "cx33", upgrade_disk: false });
      await cloud.ok("POST", `/servers/${id}/actions/poweroff`);
      await cloud.refused(422, "invalid_server_type", "POST", path, { server_type: "cax21", upgrade_disk: false });
      await cloud.refused(422, "invalid_input", "POST", path, { server_type: "cpx31", upgrade_disk: true });
      await cloud.ok("POST", path, { server_type: "cx33", upgrade_disk: false });
      const { server } = await cloud.ok("GET", `/servers/${id}`);
      assert.deepEqual([server.server_type.name, server.status, server.primary_disk_size], ["cx33", "running", 40]);
      assert.ok(cloud.machines.calls.includes(`changeType ${id} 8192 4`));
    });

    it("rebuilds on a new disk with the same addresses and networks", async () => {
      const { network } = await cloud.ok("POST", "/networks", {
        name: "n",
        ip_range: "10.0.0.0/16",
        subnets: [{ type: "cloud", ip_range: "10.0.1.0/24", network_zone: "eu-central" }],
      });
      const before = await cloud.server("web", { networks: [network.id], user_data: "old" });
      await cloud.refused(422, "invalid_input", "POST", `/servers/${before.id}/actions/rebuild`, { image: "beos-5" });
      await cloud.ok("POST", `/servers/${before.id}/actions/rebuild`, { image: "debian-12", user_data: "new" });
      const { server } = await cloud.ok("GET", `/servers/${before.id}`);
      assert.deepEqual(server.public_net, before.public_net);
      assert.deepEqual(server.private_net, before.private_net);
      assert.deepEqual([server.image?.name, server.status], ["debian-12", "running"]);
      const spec = cloud.machines.specs.get(server.id);
      assert.deepEqual([spec?.image, spec?.userData, spec?.ipv4], ["debian-12", "new", before.public_net.ipv4?.ip]);
      assert.equal(cloud.machines.nics.get(server.id)?.[0]?.ip, "10.0.1.1");
    });

    it("is protected against deletion and rebuild together", async () => {
      const { id } = await cloud.server("web");
      const path = `/servers/${id}/actions/change_protection`;
      await cloud.refused(422, "invalid_input", "POST", path, { delete: true, rebuild: false });
      await cloud.ok("POST", path, { delete: true, rebuild: true });
      await cloud.refused(423, "protected", "DELETE", `/servers/${id}`);
      await cloud.refused(423, "protected", "POST", `/servers/${id}/actions/rebuild`, { image: "debian-12" });
      await cloud.ok("POST", path, { delete: false, rebuild: false });
      const { status, body } = await cloud.call("DELETE", `/servers/${id}`);
      assert.deepEqual([status, body.action.command], [200, "delete_server"]);
    });

    it("has reverse names that can be set and reset", async () => {
      const { id, public_net } = await cloud.server("web");
      const path = `/servers/${id}/actions/change_dns_ptr`;
      const ip = String(public_net.ipv4?.ip);
      await cloud.refused(404, "not_found", "POST", path, { ip: "198.18.9.9", dns_ptr: "x.test" });
      await cloud.refused(422, "invalid_input", "POST", path, { ip, dns_ptr: "not a name" });
      await cloud.ok("POST", path, { ip, dns_ptr: "web.example.test" });
      const inside = String(public_net.ipv6?.ip).replace("/64", "1");
      await cloud.ok("POST", path, { ip: inside, dns_ptr: "six.example.test" });
      const { server } = await cloud.ok("GET", `/servers/${id}`);
      assert.equal(server.public_net.ipv4?.dns_ptr, "web.example.test");
      assert.deepEqual(server.public_net.ipv6?.dns_ptr, [{ ip: inside, dns_ptr: "six.example.test" }]);
      await cloud.ok("POST", path, { ip, dns_ptr: null });
      const again = (await cloud.ok("GET", `/servers/${id}`)).server;
      assert.match(String(again.public_net.ipv4?.dns_ptr), /^static\./);
    });
  });

  describe("goes", () => {
    it("with its own addresses; given ones, volumes and firewalls stay", async () => {
      const { primary_ip } = await cloud.ok("POST", "/primary_ips", { name: "keep", type: "ipv4", location: "fsn1" });
      const { firewall } = await cloud.ok("POST", "/firewalls", { name: "f" });
      const public_net = { enable_ipv4: true, enable_ipv6: true, ipv4: primary_ip.id };
      const server = await cloud.server("web", { public_net, firewalls: [{ firewall: firewall.id }] });
      assert.deepEqual(server.public_net.firewalls, [{ id: firewall.id, status: "applied" }]);
      const { volume } = await cloud.ok("POST", "/volumes", { name: "v", size: 10, server: server.id });
      await cloud.ok("DELETE", `/servers/${server.id}`);
      await cloud.refused(404, "not_found", "GET", `/servers/${server.id}`);
      const { primary_ips } = await cloud.ok("GET", "/primary_ips");
      assert.deepEqual(
        primary_ips.map((each) => [each.name, each.assignee_id]),
        [["keep", null]],
      );
      assert.deepEqual((await cloud.ok("GET", `/firewalls/${firewall.id}`)).firewall.applied_to, []);
      assert.equal((await cloud.ok("GET", `/volumes/${volume.id}`)).volume.server, null);
      assert.deepEqual(cloud.machines.filters, []);
    });
  });
});
