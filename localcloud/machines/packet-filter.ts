import type { Names } from "./names.ts";
import type { MachineFilter, PacketRule } from "./types.ts";

/*
 * Provider firewalls as an nftables table of the instance's own, outside the servers. Who a packet is from, as seen here and in
 * the servers: a program on this machine comes from the gateway of the server's own /29 (198.18.x.(8n+1)), the edge from its
 * address in the core network (198.18.x.3), another server from its public address; nothing between them is masqueraded.
 *
 * Rules match the public address, so traffic over private networks is never touched, as at the provider. `accept` and `return`
 * here end this table's say only: Docker's own chains come after it and stay in force.
 */

/** Before Docker's chains (0): what is refused here is refused whatever they say. */
const PRIORITY = -10;

/** The whole table, in a form that replaces the one before in a single transaction. */
export function renderPacketFilter(names: Pick<Names, "table">, filters: MachineFilter[]): string {
  const guarded = [...filters]
    .sort((a, b) => a.serverId - b.serverId)
    .flatMap(({ serverId, ipv4, filter }) => (filter === null ? [] : [{ id: serverId, ipv4: address(ipv4), filter }]));
  const closedOut = guarded.filter(({ filter }) => filter.some((rule) => rule.direction === "out"));
  const outbound = closedOut.map(({ id, ipv4 }) => `    ip saddr ${ipv4} jump server_${id}_out`);
  const inbound = guarded.map(({ id, ipv4 }) => `    ip daddr ${ipv4} jump server_${id}_in`);
  const lines = [
    // Declaring it first lets the deletion pass when there is no table yet.
    `table ip ${names.table}`,
    `delete table ip ${names.table}`,
    `table ip ${names.table} {`,
    ...guarded.flatMap(({ id, filter }) => chain(`server_${id}_in`, rulesOf(filter, "in"))),
    ...closedOut.flatMap(({ id, filter }) => chain(`server_${id}_out`, rulesOf(filter, "out"))),
    // Between servers, and between servers and the world.
    ...hook("forward", [...outbound, ...inbound]),
    // From programs on this machine, which no forwarding sees ...
    ...hook("output", inbound),
    // ... and to them.
    ...hook("input", outbound),
    "}",
  ];
  return `${lines.join("\n")}\n`;
}

function hook(name: "forward" | "input" | "output", jumps: string[]): string[] {
  const type = `    type filter hook ${name} priority ${PRIORITY}; policy accept;`;
  return [`  chain ${name} {`, type, "    ct state established,related accept", ...jumps, "  }"];
}

function chain(name: string, rules: string[]): string[] {
  return [`  chain ${name} {`, ...rules.map((rule) => `    ${rule} return`), "    drop", "  }"];
}

function rulesOf(filter: PacketRule[], direction: PacketRule["direction"]): string[] {
  return filter.filter((rule) => rule.direction === direction).flatMap(matches);
}

/** One match per network: a set would refuse networks that overlap, which the API allows. */
function matches(rule: PacketRule): string[] {
  const side = rule.direction === "in" ? "saddr" : "daddr";
  return rule.cidrs.map((cidr) => {
    const peer = cidr.endsWith("/0") ? [] : [`ip ${side} ${address(cidr)}`];
    const service = rule.port === null ? `ip protocol ${rule.protocol}` : `${rule.protocol} dport ${port(rule.port)}`;
    return [...peer, service].join(" ");
  });
}

/** The text is run with rights over the host's network: nothing but an address or a network may get into it. */
function address(text: string): string {
  if (!/^\d{1,3}(\.\d{1,3}){3}(\/\d{1,2})?$/.test(text)) {
    throw new Error(`no IPv4 address or network for the packet filter: '${text}'`);
  }
  return text;
}

function port(text: string): string {
  if (!/^\d{1,5}(-\d{1,5})?$/.test(text)) {
    throw new Error(`no port or range of ports for the packet filter: '${text}'`);
  }
  return text;
}
