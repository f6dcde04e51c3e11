import { isIPv4, isIPv6 } from "node:net";

/** An IPv4 network in numbers. */
export interface Cidr {
  base: number;
  bits: number;
}

export function toNumber(ip: string): number {
  return ip.split(".").reduce((sum, octet) => sum * 256 + Number(octet), 0);
}

export function toAddress(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join(".");
}

/** Reads `10.0.0.0/16`; null when it is no network address (host bits set, no prefix, not IPv4). */
export function parseCidr(text: string): Cidr | null {
  const [ip = "", prefix = ""] = text.split("/");
  if (!isIPv4(ip) || !/^\d{1,2}$/.test(prefix) || Number(prefix) > 32) {
    return null;
  }
  const cidr = { base: toNumber(ip), bits: Number(prefix) };
  return cidr.base % sizeOf(cidr) === 0 ? cidr : null;
}

export function sizeOf(cidr: Cidr): number {
  return 2 ** (32 - cidr.bits);
}

export function contains(outer: Cidr, inner: Cidr): boolean {
  return outer.base <= inner.base && inner.base + sizeOf(inner) <= outer.base + sizeOf(outer);
}

export function containsIp(cidr: Cidr, ip: string): boolean {
  return contains(cidr, { base: toNumber(ip), bits: 32 });
}

export function overlaps(a: Cidr, b: Cidr): boolean {
  return a.base < b.base + sizeOf(b) && b.base < a.base + sizeOf(a);
}

export function formatCidr(cidr: Cidr): string {
  return `${toAddress(cidr.base)}/${cidr.bits}`;
}

const PRIVATE = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"].map(parseCidr);

/** Inside one of the RFC 1918 ranges. */
export function isPrivate(cidr: Cidr): boolean {
  return PRIVATE.some((range) => range !== null && contains(range, cidr));
}

/** Source or destination of a firewall rule in canonical form; null when it is no network, for example with host bits set. */
export function canonicalNetwork(text: string): string | null {
  const [ip = "", prefix, ...rest] = text.trim().toLowerCase().split("/");
  if (rest.length > 0) {
    return null;
  }
  if (isIPv4(ip)) {
    const cidr = parseCidr(`${ip}/${prefix ?? "32"}`);
    return cidr === null ? null : formatCidr(cidr);
  }
  const bits = Number(prefix ?? "128");
  return isIPv6(ip) && /^\d{1,3}$/.test(prefix ?? "128") && bits <= 128 ? `${ip}/${bits}` : null;
}
