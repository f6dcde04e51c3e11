import assert from "node:assert/strict";
import { renderOpenLanes, renderRemoval } from "../../localcloud/machines/host-rules.ts";
import { namesOf } from "../../localcloud/machines/names.ts";
import { renderPacketFilter } from "../../localcloud/machines/packet-filter.ts";
import type { PacketRule } from "../../localcloud/machines/types.ts";

const names = namesOf({ name: "test-a" });
const rule = (part: Partial<PacketRule>): PacketRule => ({
  direction: "in",
  protocol: "tcp",
  port: null,
  cidrs: ["0.0.0.0/0"],
  ...part,
});

describe("packet filter of the local cloud", () => {
  it("lets everything pass while no server has a firewall", () => {
    assert.equal(
      renderPacketFilter(names, [{ serverId: 1, ipv4: "198.18.1.2", filter: null }]),
      `table ip localcloud_test_a
delete table ip localcloud_test_a
table ip localcloud_test_a {
  chain forward {
    type filter hook forward priority -10; policy accept;
    ct state established,related accept
  }
  chain output {
    type filter hook output priority -10; policy accept;
    ct state established,related accept
  }
  chain input {
    type filter hook input priority -10; policy accept;
    ct state established,related accept
  }
}
`,
    );
  });

  it("closes what no rule opens, in the directions that have rules", () => {
    const filters = [
      {
        serverId: 9,
        ipv4: "198.18.1.10",
        filter: [
          rule({ port: "22", cidrs: ["198.18.1.9/32", "198.18.0.0/24"] }),
          rule({ port: "80-443" }),
          rule({ protocol: "icmp" }),
          rule({ protocol: "udp", port: "53", cidrs: [] }),
          rule({ direction: "out", port: "443", cidrs: ["203.0.113.0/24"] }),
          rule({ direction: "out", protocol: "gre", cidrs: ["203.0.113.7/32"] }),
        ],
      },
      { serverId: 7, ipv4: "198.18.1.2", filter: [] },
    ];
    assert.equal(
      renderPacketFilter(names, filters),
      `table ip localcloud_test_a
delete table ip localcloud_test_a
table ip localcloud_test_a {
  chain server_7_in {
    drop
  }
  chain server_9_in {
    ip saddr 198.18.1.9/32 tcp dport 22 return
    ip saddr 198.18.0.0/24 tcp dport 22 return
    tcp dport 80-443 return
    ip protocol icmp return
    drop
  }
  chain server_9_out {
    ip daddr 203.0.113.0/24 tcp dport 443 return
    ip daddr 203.0.113.7/32 ip protocol gre return
    drop
  }
  chain forward {
    type filter hook forward priority -10; policy accept;
    ct state established,related accept
    ip saddr 198.18.1.10 jump server_9_out
    ip daddr 198.18.1.2 jump server_7_in
    ip daddr 198.18.1.10 jump server_9_in
  }
  chain output {
    type filter hook output priority -10; policy accept;
    ct state established,related accept
    ip daddr 198.18.1.2 jump server_7_in
    ip daddr 198.18.1.10 jump server_9_in
  }
  chain input {
    type filter hook input priority -10; policy accept;
    ct state established,related accept
    ip saddr 198.18.1.10 jump server_9_out
  }
}
`,
    );
  });

  it("keeps outbound traffic closed by a rule that matches nothing", () => {
    const filter = [rule({ direction: "out", cidrs: [] })];
    const text = renderPacketFilter(names, [{ serverId: 7, ipv4: "198.18.1.2", filter }]);
    assert.match(text, /chain server_7_out \{\n {4}drop\n/);
  });

  it("says the same whatever the order of the servers", () => {
    const one = { serverId: 1, ipv4: "198.18.1.2", filter: [] };
    const two = { serverId: 2, ipv4: "198.18.1.10", filter: [rule({})] };
    assert.equal(renderPacketFilter(names, [two, one]), renderPacketFilter(names, [one, two]));
  });

  const smuggled: { what: string; part: Partial<PacketRule>; message: RegExp }[] = [
    {
      what: "a network",
      part: { cidrs: ["10.0.0.0/8 accept; }"] },
      message: /no IPv4 address or network.*'10\.0\.0\.0\/8 acc/,
    },
    { what: "an IPv6 network", part: { cidrs: ["2001:db8::/32"] }, message: /no IPv4 address or network/ },
    { what: "a port", part: { port: "22; flush ruleset" }, message: /no port or range of ports.*'22; flush ruleset'/ },
  ];
  for (const { what, part, message } of smuggled) {
    it(`refuses other text in the place of ${what}`, () => {
      const filters = [{ serverId: 1, ipv4: "198.18.1.2", filter: [rule(part)] }];
      assert.throws(() => renderPacketFilter(names, filters), message);
    });
  }

  it("refuses a name that could leave its place in a command", () => {
    for (const name of ["", "a b", "a;b", "A", "-a", "a_b", "$(x)"]) {
      assert.throws(() => namesOf({ name }), /is no name for an instance/, name);
    }
  });

  it("touches Docker's chains only by rules that carry the instance's name", () => {
    const block = "198.18.240.0/20";
    const accept = "-m comment --comment localcloud:test-a -j ACCEPT";
    const own = [
      `filter DOCKER-USER -s ${block} -d ${block} ${accept}`,
      `filter DOCKER-USER -i ${names.bridges}+ -o ${names.bridges}+ ${accept}`,
      `nat POSTROUTING -s ${block} -d ${block} ${accept}`,
    ];
    for (const script of [renderOpenLanes(names, block), renderRemoval(names, block)]) {
      const changes = [...script.matchAll(/\$tool -w -t (filter|nat) -[ID] (\S+) (.*? ACCEPT)/g)];
      assert.deepEqual(new Set(changes.map(([, table, chain, match]) => `${table} ${chain} ${match}`)), new Set(own));
      assert.doesNotMatch(script, /flush|-F|-X|-P /);
    }
  });
});
