import { cloudflareRanges } from "../cloudflare-ranges.ts";
import type { Directive } from "./directives.ts";
import type { Site } from "./spec.ts";

/** Loopback and private networks: our own machines, never a visitor. */
const own = ["127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"];

/**
 * Who a visitor is. Cloudflare says so in a header of its own, which it never lets a visitor write; from anybody else the header is
 * worth nothing and the address of the connection counts.
 */
export function realAddress(site: Site): Directive[] {
  const trusted = [...cloudflareRanges.ipv4, ...cloudflareRanges.ipv6, ...site.trustedProxies];
  return [...unique(trusted).map((range) => `set_real_ip_from ${range}`), "real_ip_header CF-Connecting-IP"];
}

/** For the `http` block: what may be asked of one address. An empty key is not counted. */
export function rateZone({ insiders, rate }: Site): Directive[] {
  return [
    ["geo $unlimited", ["default 0", ...unique([...own, ...insiders]).map((range) => `${range} 1`)]],
    ["map $unlimited $counted_client", ["0 $binary_remote_addr", 'default ""']],
    `limit_req_zone $counted_client zone=clients:10m rate=${rate.perSecond}r/s`,
    "limit_req_status 429",
    // The access log has every refusal already; an attack must not fill the error log with them.
    "limit_req_log_level info",
  ];
}

/** For a location: at once up to the burst, refused beyond. */
export function rateLimit({ rate }: Site): string {
  return `limit_req zone=clients${rate.burst > 0 ? ` burst=${rate.burst} nodelay` : ""}`;
}

function unique(ranges: readonly string[]): string[] {
  return [...new Set(ranges)];
}
