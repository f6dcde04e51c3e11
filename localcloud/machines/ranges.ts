/** Hosts of an IPv4 network as numbers, from the first to the one after the last. */
export interface Range {
  from: number;
  to: number;
}

/** Undefined for what is no IPv4 network. */
export function rangeOf(cidr: string): Range | undefined {
  const [address = "", bits = ""] = cidr.split("/");
  const from = toNumber(address);
  return Number.isNaN(from) || bits === "" ? undefined : { from, to: from + 2 ** (32 - Number(bits)) };
}

export function overlap(a: string, b: string): boolean {
  const [first, second] = [rangeOf(a), rangeOf(b)];
  return first !== undefined && second !== undefined && first.from < second.to && second.from < first.to;
}

/** Not a number for what is no IPv4 address. */
export function toNumber(address: string): number {
  const parts = address.split(".").map(Number);
  return parts.length === 4 ? parts.reduce((value, part) => value * 256 + part, 0) : Number.NaN;
}

export function toAddress(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join(".");
}
