import { isIPv6 } from "node:net";
import type { Opening } from "./rules.ts";

/** Of both families, as `table inet` sees them. */
interface Sources {
  v4: string[];
  v6: string[];
}

/**
 * The server's own packet filter as nftables reads it: one table of ours, replaced in a single transaction. Everything else the
 * kernel holds (fail2ban's table, the name server of a container engine) is none of our business and is never flushed. What is
 * forwarded is left alone: a container engine rules it.
 */
export function ruleset(list: readonly Opening[]): string {
  return [
    "# Written by Bascule from the list the provider's firewall is made from, too; see bascule:firewall and bascule:access.",
    "# Declaring the table first lets the deletion pass when there is none yet.",
    "table inet bascule",
    "delete table inet bascule",
    "",
    "table inet bascule {",
    ...list.flatMap(sets),
    "  chain input {",
    "    type filter hook input priority filter; policy drop;",
    "    ct state established,related accept",
    "    ct state invalid counter drop",
    '    iif "lo" accept',
    ...upkeep,
    ...list.flatMap(accepting).map((rule) => `    ${rule}`),
    "    # Noise of the neighbourhood is not worth a line in the log.",
    "    meta pkttype { broadcast, multicast } counter drop",
    '    limit rate 10/minute burst 20 packets log prefix "bascule refuses: "',
    "    counter",
    "  }",
    "",
    "  chain output {",
    "    type filter hook output priority filter; policy accept;",
    "    # The metadata service tells everybody who asks the user data of the first boot, and with it the first host key.",
    "    ip daddr 169.254.169.254 meta skuid != 0 counter reject with icmp admin-prohibited",
    "  }",
    "}",
    "",
  ].join("\n");
}

/** What a server needs to keep its addresses and its way to the neighbours, whoever may speak to its services. */
const upkeep = [
  "    icmp type { destination-unreachable, time-exceeded, parameter-problem } accept",
  "    icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem } accept",
  "    icmpv6 type { nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 accept",
  "    icmpv6 type mld-listener-query ip6 saddr fe80::/10 accept",
  "    # An address is lent for a day; its renewal may be answered by broadcast.",
  "    meta nfproto ipv4 udp sport 67 udp dport 68 accept",
  "    ip6 saddr fe80::/10 udp sport 547 udp dport 546 accept",
];

function bySource(sources: readonly string[]): Sources {
  const of = (family: boolean) => [...new Set(sources)].filter((cidr) => isIPv6(cidr.split("/")[0] ?? "") === family);
  return { v4: of(false), v6: of(true) };
}

function sets({ name, sources }: Opening): string[] {
  if (sources === "everywhere") return [];
  const { v4, v6 } = bySource(sources);
  return [...set(`${name}4`, "ipv4_addr", v4), ...set(`${name}6`, "ipv6_addr", v6)];
}

function set(name: string, type: string, elements: string[]): string[] {
  if (elements.length === 0) return [];
  // Ranges of the settings may lie in one another, which a set without auto-merge refuses.
  const body = [`type ${type}`, "flags interval", "auto-merge", `elements = { ${elements.join(", ")} }`];
  return [`  set ${name} {`, ...body.map((line) => `    ${line}`), "  }", ""];
}

function accepting(opening: Opening): string[] {
  const { name, protocol, ports, sources, network, purpose } = opening;
  const comment = `counter accept comment "${purpose}"`;
  if (protocol === "icmp") {
    return ["icmp", "icmpv6"].map((family) => `${family} type echo-request limit rate 50/second ${comment}`);
  }
  const service = `tcp dport { ${ports.join(", ")} }`;
  if (sources === "everywhere") return [`${service} ${comment}`];
  const { v4, v6 } = bySource(sources);
  // An address of the private network that comes in by another interface than answers go out by is a lie.
  const way = network === "private" ? "fib saddr . iif oif exists " : "";
  return [
    ...(v4.length > 0 ? [`ip saddr @${name}4 ${way}${service} ${comment}`] : []),
    ...(v6.length > 0 ? [`ip6 saddr @${name}6 ${way}${service} ${comment}`] : []),
  ];
}
