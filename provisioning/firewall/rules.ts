import { cloudflareRanges } from "../cloudflare-ranges.ts";

/** Who may reach a server, as the settings say it. */
export interface Admission {
  /** Where SSH may come from. */
  adminCidrs: readonly string[];
  /** Who may come to the public ports: everybody, or only those who come through Cloudflare. */
  publicFrom: "everywhere" | "cloudflare";
  /** Proxies other than Cloudflare's own that may come, too, where `publicFrom` is `cloudflare`. */
  proxyCidrs: readonly string[];
  /** TCP ports open to the public. @default [80, 443] */
  publicPorts?: readonly number[];
  /** TCP ports that the other servers of the private network may reach. @default none */
  privatePorts?: readonly number[];
  /** The private network. */
  privateCidr: string;
}

/** One thing that may come in; everything that no opening names is refused. */
export interface Opening {
  /** Lower-case letters; names the set of its sources. */
  name: string;
  /** What it is for; stands in both packet filters. */
  purpose: string;
  protocol: "icmp" | "tcp";
  /** Empty for ICMP. */
  ports: readonly number[];
  sources: "everywhere" | readonly string[];
  /** The provider's firewall looks at the public network only. */
  network: "public" | "private";
}

/** The one list both packet filters are rendered from: the provider's and the host's own. */
export function openings(admission: Admission): Opening[] {
  const { adminCidrs, publicFrom, proxyCidrs, publicPorts = [80, 443], privatePorts = [], privateCidr } = admission;
  const { ipv4, ipv6 } = cloudflareRanges;
  const list: Opening[] = [
    // Path MTU discovery breaks without ICMP, and then large answers hang.
    {
      name: "ping",
      purpose: "ping and path MTU",
      protocol: "icmp",
      ports: [],
      sources: "everywhere",
      network: "public",
    },
    {
      name: "ssh",
      purpose: "SSH of the operators",
      protocol: "tcp",
      ports: [22],
      sources: adminCidrs,
      network: "public",
    },
    {
      name: "web",
      purpose: "public port",
      protocol: "tcp",
      ports: publicPorts,
      // The operators, too: before traffic moves, a side is asked on its own address.
      sources: publicFrom === "everywhere" ? publicFrom : [...ipv4, ...ipv6, ...proxyCidrs, ...adminCidrs],
      network: "public",
    },
    {
      name: "peers",
      purpose: "the private network",
      protocol: "tcp",
      ports: privatePorts,
      sources: [privateCidr],
      network: "private",
    },
  ];
  return list.filter(({ protocol, ports }) => protocol === "icmp" || ports.length > 0);
}

/** A rule in the words of Hetzner's firewall. */
export interface ProviderRule {
  direction: "in";
  protocol: "icmp" | "tcp";
  port?: string;
  sourceIps: string[];
  description: string;
}

/** For the provider. No rule for outgoing traffic: Hetzner then lets all of it out, which apt, ACME and backups need. */
export function providerRules(list: readonly Opening[]): ProviderRule[] {
  return list
    .filter(({ network }) => network === "public")
    .flatMap(({ protocol, ports, sources, purpose }): ProviderRule[] => {
      const sourceIps = sources === "everywhere" ? ["0.0.0.0/0", "::/0"] : [...new Set(sources)];
      if (protocol === "icmp") return [{ direction: "in", protocol, sourceIps, description: purpose }];
      return ports.map((port) => {
        const description = ports.length > 1 ? `${purpose} ${port}` : purpose;
        return { direction: "in", protocol, port: String(port), sourceIps, description };
      });
    });
}
