import { imagesOf } from "../catalogue/images.ts";
import { findLocation, locations } from "../catalogue/locations.ts";
import { findServerType, isSold } from "../catalogue/server-types.ts";
import type { Hub } from "../hub.ts";
import { existingNetwork } from "../networks/routes.ts";
import { assertAssignable, assertType } from "../primary-ips/assign.ts";
import { ApiError, invalidField, notUnique } from "../protocol/errors.ts";
import type { Image, Location, ServerType } from "../schemas.ts";
import type { FirewallRecord, NetworkRecord, PrimaryIpRecord, VolumeRecord } from "../state.ts";
import type { CreateBody } from "./body.ts";

/** A create request with every reference resolved and every rule checked: from here on nothing is refused. */
export interface ServerPlan {
  type: ServerType;
  location: Location;
  image: Image;
  publicKeys: string[];
  networks: NetworkRecord[];
  firewalls: FirewallRecord[];
  volumes: VolumeRecord[];
  /** Addresses given by the caller. */
  primaryIps: PrimaryIpRecord[];
}

/** The one question that takes time, the images, comes in answered: nothing can change between the checks and the creation. */
export function planServer(hub: Hub, body: CreateBody, bootable: string[]): ServerPlan {
  assertServerNameFree(hub, body.name);
  const type = resolveType(body.server_type);
  const location = resolveLocation(body, type);
  const image = resolveImage(bootable, body.image, type.architecture);
  const { networks, firewalls, volumes } = references(hub, body, location);
  return {
    type,
    location,
    image,
    networks,
    firewalls,
    volumes,
    publicKeys: body.ssh_keys.map((key) => publicKey(hub, key)),
    primaryIps: givenAddresses(hub, body.public_net, location),
  };
}

export function assertServerNameFree(hub: Hub, name: string, except?: number): void {
  const same = (other: string): boolean => other.toLowerCase() === name.toLowerCase();
  if (hub.state.servers.find((server) => same(server.name) && server.id !== except) !== undefined) {
    throw notUnique("server name is already used", "name");
  }
}

export function resolveType(idOrName: number | string): ServerType {
  const type = findServerType(String(idOrName));
  if (type === undefined) {
    throw invalidField("server_type", `server type '${idOrName}' not found`);
  }
  return type;
}

/** The wording is the real API's; tools match on it. */
export function assertSold(type: ServerType, location: string): void {
  if (!isSold(type, location)) {
    throw new ApiError(422, "invalid_input", "unsupported location for server type", {});
  }
}

export function resolveImage(bootable: string[], idOrName: number | string, architecture: string): Image {
  const images = imagesOf(bootable);
  const hits = images.filter((image) => String(image.id) === String(idOrName) || image.name === idOrName);
  if (hits.length === 0) {
    throw invalidField("image", `image '${idOrName}' not found`);
  }
  const fitting = hits.find((image) => image.architecture === architecture);
  if (fitting === undefined) {
    throw invalidField("image", `image '${idOrName}' is not available for the architecture ${architecture}`);
  }
  return fitting;
}

/** A datacenter is an old way of naming its location: `fsn1-dc14` is `fsn1`. */
function resolveLocation(body: CreateBody, type: ServerType): Location {
  const name = body.location ?? body.datacenter?.replace(/-dc\d+$/, "");
  if (name == null) {
    const anywhere = locations.find((location) => isSold(type, location.name));
    if (anywhere === undefined) {
      throw new ApiError(412, "resource_unavailable", "the server type is not available in any location");
    }
    return anywhere;
  }
  const location = findLocation(name);
  if (location === undefined) {
    throw new ApiError(422, "invalid_input", `location '${name}' not found`, {
      fields: [{ name: "location", messages: [`must be one of ${locations.map((each) => each.name).join(", ")}`] }],
    });
  }
  assertSold(type, location.name);
  return location;
}

function publicKey(hub: Hub, idOrName: number | string): string {
  const keys = hub.state.sshKeys;
  const key = keys.get(idOrName) ?? keys.find((each) => each.name === idOrName);
  if (key === undefined) {
    throw invalidField("ssh_keys", `SSH key '${idOrName}' not found`);
  }
  return key.public_key;
}

function references(hub: Hub, body: CreateBody, location: Location) {
  if (body.placement_group != null) {
    throw invalidField("placement_group", `placement group with ID '${body.placement_group}' not found`);
  }
  const firewalls = body.firewalls.map(
    ({ firewall }) => hub.state.firewalls.get(firewall) ?? missing("firewalls", firewall),
  );
  const { enable_ipv4, enable_ipv6 } = body.public_net;
  if (firewalls.length > 0 && !enable_ipv4 && !enable_ipv6) {
    throw new ApiError(422, "private_net_only_server", "the server has no public interface");
  }
  const volumes = body.volumes.map((id) => hub.state.volumes.get(id) ?? missing("volumes", id));
  for (const volume of volumes) {
    hub.actions.assertFree({ id: volume.id, type: "volume" });
    if (volume.serverId !== null) {
      throw new ApiError(409, "volume_already_attached", "volume is already attached to a server");
    }
    if (volume.location !== location.name) {
      throw invalidField("volumes", "must be in the location of the server");
    }
  }
  return { networks: body.networks.map((id) => existingNetwork(hub, id)), firewalls, volumes };
}

function missing(field: string, id: number): never {
  throw invalidField(field, `${field.slice(0, -1)} with ID '${id}' not found`);
}

function givenAddresses(hub: Hub, publicNet: CreateBody["public_net"], location: Location): PrimaryIpRecord[] {
  return (["ipv4", "ipv6"] as const).flatMap((type) => {
    const id = publicNet[type];
    if (id == null) {
      return [];
    }
    if (!publicNet[`enable_${type}`]) {
      throw invalidField(`public_net.${type}`, `must not be set when enable_${type} is false`);
    }
    const primaryIp = hub.state.primaryIps.get(id) ?? missing("primary_ips", id);
    assertType(primaryIp, type);
    assertAssignable(hub, primaryIp, location.name);
    return [primaryIp];
  });
}
