import assert from "node:assert/strict";
import { HetznerUnderTest } from "../support/hetzner.ts";

describe("Hetzner API: firewalls", () => {
  let cloud: HetznerUnderTest;
  beforeEach(() => {
    cloud = new HetznerUnderTest();
  });
  afterEach(() => cloud.discard());

  describe("firewalls", () => {
    const rule = { direction: "in", protocol: "tcp", port: "22", source_ips: ["10.0.0.0/8"] };
    const refusals: [string, object][] = [
      ["no source", { ...rule, source_ips: [] }],
      ["a destination for in", { ...rule, destination_ips: ["0.0.0.0/0"] }],
      ["host bits", { ...rule, source_ips: ["10.0.0.1/8"] }],
      ["no network at all", { ...rule, source_ips: ["everyone"] }],
      ["no port for tcp", { ...rule, port: undefined }],
      ["port 0", { ...rule, port: "0" }],
      ["port 65536", { ...rule, port: "65536" }],
      ["a range backwards", { ...rule, port: "90-80" }],
      ["a port for icmp", { ...rule, protocol: "icmp" }],
      ["an unknown protocol", { ...rule, protocol: "sctp" }],
      ["an unknown field", { ...rule, action: "allow" }],
    ];
    for (const [what, bad] of refusals) {
      it(`refuse a rule with ${what}`, () =>
        cloud.refused(422, "invalid_input", "POST", "/firewalls", { name: "f", rules: [bad] }));
    }

    it("give rules back canonical, with null for what is not set", async () => {
      const rules = [
        { direction: "in", protocol: "icmp", source_ips: ["0.0.0.0/0", "2001:DB8::/32"] },
        { direction: "in", protocol: "tcp", port: "80-85", source_ips: ["10.1.2.3"], description: "web" },
      ];
      const { firewall } = await cloud.ok("POST", "/firewalls", { name: "f", rules });
      assert.deepEqual(firewall.rules, [
        {
          direction: "in",
          protocol: "icmp",
          port: null,
          source_ips: ["0.0.0.0/0", "2001:db8::/32"],
          destination_ips: [],
          description: null,
        },
        {
          direction: "in",
          protocol: "tcp",
          port: "80-85",
          source_ips: ["10.1.2.3/32"],
          destination_ips: [],
          description: "web",
        },
      ]);
    });

    it("reach the packet filter before the server starts, by server and by label", async () => {
      const { firewall } = await cloud.ok("POST", "/firewalls", { name: "f", rules: [rule] });
      const selector = { type: "label_selector", label_selector: { selector: "role=web" } };
      const { firewall: byLabel } = await cloud.ok("POST", "/firewalls", { name: "l", apply_to: [selector] });
      cloud.machines.hold();
      const body = { name: "a", server_type: "cx23", image: "debian-13", firewalls: [{ firewall: firewall.id }] };
      const created = await cloud.call("POST", "/servers", body);
      await new Promise((resolve) => setTimeout(resolve, 20));
      const expected = { direction: "in", protocol: "tcp", port: "22", cidrs: ["10.0.0.0/8"] };
      assert.deepEqual(cloud.machines.filters[0]?.filter, [expected]);
      cloud.machines.release();
      await cloud.hub.actions.settled();
      const { id } = created.body.server;
      await cloud.ok("PUT", `/servers/${id}`, { labels: { role: "web" } });
      assert.deepEqual(
        (await cloud.ok("GET", `/servers/${id}`)).server.public_net.firewalls.map((each) => each.id),
        [firewall.id, byLabel.id],
      );
      assert.deepEqual((await cloud.ok("GET", `/firewalls/${byLabel.id}`)).firewall.applied_to, [
        { ...selector, applied_to_resources: [{ type: "server", server: { id } }] },
      ]);
    });

    it("keep a direction closed even when a rule names IPv6 alone", async () => {
      const rules = [{ direction: "out", protocol: "tcp", port: "any", destination_ips: ["::/0"] }];
      const { firewall } = await cloud.ok("POST", "/firewalls", { name: "f", rules });
      await cloud.server("a", { firewalls: [{ firewall: firewall.id }] });
      const out = [{ direction: "out", protocol: "tcp", port: null, cidrs: [] }];
      assert.deepEqual(cloud.machines.filters[0]?.filter, out);
    });

    it("live: create, apply, set rules, remove, delete", async () => {
      const inForce = () => cloud.machines.filters[0]?.filter;
      const { id } = await cloud.server("a");
      const target = [{ type: "server", server: { id } }];
      const { firewall } = await cloud.ok("POST", "/firewalls", { name: "f" });
      const path = `/firewalls/${firewall.id}`;
      await cloud.refused(409, "uniqueness_error", "POST", "/firewalls", { name: "f" });
      const nobody = { apply_to: [{ type: "server", server: { id: 4711 } }] };
      await cloud.refused(404, "firewall_resource_not_found", "POST", `${path}/actions/apply_to_resources`, nobody);
      assert.equal(inForce(), null, "without a firewall everything passes");
      await cloud.ok("POST", `${path}/actions/apply_to_resources`, { apply_to: target });
      assert.deepEqual(inForce(), [], "with an empty one nothing comes in");
      await cloud.refused(409, "firewall_already_applied", "POST", `${path}/actions/apply_to_resources`, {
        apply_to: target,
      });
      await cloud.ok("POST", `${path}/actions/set_rules`, { rules: [rule] });
      assert.equal(inForce()?.length, 1);
      await cloud.refused(409, "resource_in_use", "DELETE", path);
      await cloud.ok("POST", `${path}/actions/remove_from_resources`, { remove_from: target });
      assert.equal(inForce(), null);
      await cloud.refused(404, "firewall_resource_not_found", "POST", `${path}/actions/remove_from_resources`, {
        remove_from: target,
      });
      const renamed = await cloud.ok("PUT", path, { name: "g" });
      assert.equal(renamed.firewall.name, "g");
      assert.equal((await cloud.call("DELETE", path)).status, 204);
    });

    it("cannot be taken from a single server when a label brought them", async () => {
      const { id } = await cloud.server("a", { labels: { role: "web" } });
      const selector = { type: "label_selector", label_selector: { selector: "role" } };
      const { firewall } = await cloud.ok("POST", "/firewalls", { name: "f", apply_to: [selector] });
      const remove_from = [{ type: "server", server: { id } }];
      const path = `/firewalls/${firewall.id}/actions/remove_from_resources`;
      await cloud.refused(422, "firewall_managed_by_label_selector", "POST", path, { remove_from });
    });
  });
});
