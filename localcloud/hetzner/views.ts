import { datacenterIn } from "./catalogue/datacenters.ts";
import { imageNamed } from "./catalogue/images.ts";
import { locationNamed } from "./catalogue/locations.ts";
import { serverTypeNamed } from "./catalogue/server-types.ts";
import type { Hub } from "./hub.ts";
import { parseCidr, toAddress } from "./protocol/cidr.ts";
import type { AppliedTo, Firewall, Network, PrimaryIp, ServerView, Volume } from "./schemas.ts";
import type { FirewallRecord, NetworkRecord, PrimaryIpRecord, ServerRecord, VolumeRecord } from "./state.ts";

/** A subnet's gateway is the first address of its whole network. */
export function gatewayOf(ipRange: string): string {
  return toAddress((parseCidr(ipRange)?.base ?? 0) + 1);
}

export function networkView(hub: Hub, record: NetworkRecord): Network {
  const { id, name, created, subnets, labels } = record;
  const servers = hub.state.servers.all().filter((server) => server.privateNet.some((nic) => nic.network === id));
  return {
    id,
    name,
    ip_range: record.ipRange,
    subnets,
    routes: [],
    servers: servers.map((server) => server.id),
    load_balancers: [],
    protection: { delete: record.protected },
    labels,
    created,
    expose_routes_to_vswitch: record.exposeRoutesToVswitch,
  };
}

export function firewallView(hub: Hub, record: FirewallRecord): Firewall {
  const { id, name, created, labels, rules } = record;
  const applied_to = record.targets.map((target): AppliedTo => {
    if (target.type === "server") {
      return { type: "server", server: { id: target.serverId } };
    }
    const alone = { ...record, targets: [target] };
    const hit = hub.state.servers.all().filter((server) => hub.filters.appliesTo(alone, server));
    return {
      type: "label_selector",
      label_selector: { selector: target.selector },
      applied_to_resources: hit.map((server) => ({ type: "server", server: { id: server.id } })),
    };
  });
  return { id, name, labels, created, rules, applied_to };
}

/** What reverse DNS says about an IPv4 address nobody set a name for. */
function defaultPointer(ip: string): string {
  return `static.${ip.split(".").reverse().join(".")}.clients.your-server.de`;
}

export function primaryIpView(record: PrimaryIpRecord): PrimaryIp {
  const { id, name, type, ip, labels, created } = record;
  const set = record.pointers;
  return {
    id,
    name,
    type,
    ip,
    assignee_id: record.serverId,
    assignee_type: "server",
    auto_delete: record.autoDelete,
    blocked: false,
    created,
    location: locationNamed(record.location),
    dns_ptr: type === "ipv4" && set.length === 0 ? [{ ip, dns_ptr: defaultPointer(ip) }] : set,
    labels,
    protection: { delete: record.protected },
  };
}

export function volumeView(record: VolumeRecord): Volume {
  const { id, name, created, size, format, labels } = record;
  return {
    id,
    name,
    server: record.serverId,
    status: "available",
    location: locationNamed(record.location),
    size,
    format,
    linux_device: `/dev/disk/by-id/scsi-0HC_Volume_${id}`,
    protection: { delete: record.protected },
    labels,
    created,
  };
}

function publicNet(hub: Hub, record: ServerRecord): ServerView["public_net"] {
  const mine = hub.state.primaryIps.all().filter((each) => each.serverId === record.id);
  const views = mine.map(primaryIpView);
  const v4 = views.find((each) => each.type === "ipv4");
  const v6 = views.find((each) => each.type === "ipv6");
  const pointer = v4?.dns_ptr[0]?.dns_ptr ?? "";
  return {
    ipv4: v4 === undefined ? null : { id: v4.id, ip: v4.ip, blocked: false, dns_ptr: pointer },
    ipv6: v6 === undefined ? null : { id: v6.id, ip: v6.ip, blocked: false, dns_ptr: v6.dns_ptr },
    floating_ips: [],
    firewalls: hub.filters.of(record).map(({ id }) => ({ id, status: "applied" })),
  };
}

export function serverView(hub: Hub, record: ServerRecord): ServerView {
  const type = serverTypeNamed(record.serverType);
  const price = type.prices.find((each) => each.location === record.location);
  const { id, name, status, created, labels } = record;
  return {
    id,
    name,
    status,
    created,
    public_net: publicNet(hub, record),
    private_net: record.privateNet,
    server_type: type,
    datacenter: datacenterIn(record.location),
    location: locationNamed(record.location),
    image: imageNamed(record.image, type.architecture),
    iso: null,
    rescue_enabled: false,
    locked: hub.actions.isLocked({ id, type: "server" }),
    backup_window: null,
    outgoing_traffic: 0,
    ingoing_traffic: 0,
    included_traffic: price?.included_traffic ?? 0,
    protection: { delete: record.protected, rebuild: record.protected },
    labels,
    volumes: hub.state.volumes.all().flatMap((volume) => (volume.serverId === id ? [volume.id] : [])),
    load_balancers: [],
    primary_disk_size: record.diskGb,
    placement_group: null,
  };
}
