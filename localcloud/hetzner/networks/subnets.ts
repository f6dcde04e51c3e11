import type { Hub } from "../hub.ts";
import {
  type Cidr,
  contains,
  containsIp,
  formatCidr,
  overlaps,
  parseCidr,
  sizeOf,
  toAddress,
  toNumber,
} from "../protocol/cidr.ts";
import { ApiError, invalidField, serviceError } from "../protocol/errors.ts";
import type { Subnet } from "../schemas.ts";
import type { NetworkRecord } from "../state.ts";
import { gatewayOf } from "../views.ts";

const DEFAULT_BITS = 24;
const SMALLEST = 30;

interface Present {
  range: Cidr;
  ipRange: string;
  subnets: Subnet[];
}

interface Wanted {
  type: Subnet["type"];
  ip_range?: string;
  network_zone: string;
}

/** The subnet a request asks for, checked against its network; without a range the first free /24. */
export function planSubnet(present: Present, wanted: Wanted): Subnet {
  if (wanted.type === "vswitch") {
    throw new ApiError(422, "unsupported_error", "vSwitches are not offered by the local cloud");
  }
  const others = present.subnets.map((subnet) => parseCidr(subnet.ip_range)).filter((cidr) => cidr !== null);
  const cidr = wanted.ip_range === undefined ? firstFree(present.range, others) : parseCidr(wanted.ip_range);
  if (cidr === null || cidr.bits > SMALLEST) {
    throw invalidField("ip_range", `must be a network without host bits, at least a /${SMALLEST}`);
  }
  if (!contains(present.range, cidr)) {
    throw invalidField("ip_range", `must be inside the network's range ${present.ipRange}`);
  }
  const zone = present.subnets.find((subnet) => subnet.network_zone !== wanted.network_zone);
  if (zone !== undefined) {
    throw invalidField("network_zone", `must be ${zone.network_zone} as the network's other subnets`);
  }
  if (others.some((other) => overlaps(other, cidr))) {
    throw invalidField("ip_range", "overlaps with another subnet of the network");
  }
  const gateway = gatewayOf(present.ipRange);
  return {
    type: wanted.type,
    ip_range: formatCidr(cidr),
    network_zone: wanted.network_zone,
    gateway,
    vswitch_id: null,
  };
}

function firstFree(range: Cidr, others: Cidr[]): Cidr {
  for (let base = range.base; base < range.base + sizeOf(range); base += 2 ** (32 - DEFAULT_BITS)) {
    const candidate = { base, bits: DEFAULT_BITS };
    if (!others.some((other) => overlaps(other, candidate))) {
      return candidate;
    }
  }
  throw new ApiError(409, "no_subnet_available", "the network has no room for another subnet");
}

/** The wording matters: the provider retries until the servers are gone when it reads "servers are attached". */
export function assertSubnetRemovable(hub: Hub, network: NetworkRecord, ipRange: string): void {
  if (!network.subnets.some((subnet) => subnet.ip_range === ipRange)) {
    throw new ApiError(404, "not_found", `subnet '${ipRange}' not found`);
  }
  const cidr = parseCidr(ipRange);
  const used = hub.state.servers
    .all()
    .flatMap((server) => server.privateNet)
    .some((nic) => nic.network === network.id && cidr !== null && containsIp(cidr, nic.ip));
  if (used) {
    throw serviceError("cannot remove subnet because servers are attached to it");
  }
}

/** Address of a NIC: the one asked for when it is free, else the first free one of any subnet. */
export function pickPrivateIp(hub: Hub, network: NetworkRecord, wanted: string | undefined): string {
  const taken = new Set(
    hub.state.servers
      .all()
      .flatMap((server) => server.privateNet)
      .flatMap((nic) => (nic.network === network.id ? [nic.ip] : [])),
  ).add(gatewayOf(network.ipRange));
  const subnets = network.subnets.map((subnet) => parseCidr(subnet.ip_range)).filter((cidr) => cidr !== null);
  if (subnets.length === 0) {
    throw new ApiError(409, "no_subnet_available", "the network has no subnet");
  }
  if (wanted !== undefined) {
    const home = subnets.find((subnet) => containsIp(subnet, wanted));
    if (home === undefined) {
      throw invalidField("ip", "is in no subnet of the network");
    }
    const offset = toNumber(wanted) - home.base;
    if (taken.has(wanted) || offset === 0 || offset === sizeOf(home) - 1) {
      throw new ApiError(409, "ip_not_available", `ip '${wanted}' is not available`);
    }
    return wanted;
  }
  const free = subnets.flatMap(hosts).find((ip) => !taken.has(ip));
  if (free === undefined) {
    throw new ApiError(409, "no_subnet_available", "no free IP is left in the network's subnets");
  }
  return free;
}

/** Usable addresses of a subnet; enough of them for the servers one machine can hold. */
function hosts(subnet: Cidr): string[] {
  const count = Math.min(sizeOf(subnet) - 2, 4094);
  return Array.from({ length: count }, (_, index) => toAddress(subnet.base + index + 1));
}
