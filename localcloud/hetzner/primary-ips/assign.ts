import type { Hub } from "../hub.ts";
import { ApiError, invalidField, notFound } from "../protocol/errors.ts";
import type { PrimaryIpRecord, ServerRecord } from "../state.ts";

/** A fresh address in the state; `serverId` may be given at once for a server that is being made. */
export function newPrimaryIp(
  hub: Hub,
  wanted: Pick<PrimaryIpRecord, "type" | "autoDelete" | "location" | "labels" | "serverId"> & { name?: string },
): PrimaryIpRecord {
  const id = hub.context.store.nextId();
  return hub.state.primaryIps.put({
    id,
    ip: hub.addresses.allocate(wanted.type),
    created: new Date().toISOString(),
    protected: false,
    pointers: [],
    ...wanted,
    name: wanted.name ?? `primary_ip-${id}`,
  });
}

export function existingPrimaryIp(hub: Hub, id: number): PrimaryIpRecord {
  const primaryIp = hub.state.primaryIps.get(id);
  if (primaryIp === undefined) {
    throw notFound("primary ip", id);
  }
  return primaryIp;
}

/** Throws unless the address may go to a server in this location that has none of its type yet. */
export function assertAssignable(hub: Hub, primaryIp: PrimaryIpRecord, location: string, server?: ServerRecord): void {
  if (primaryIp.serverId !== null) {
    throw new ApiError(409, "primary_ip_assigned", "primary ip is already assigned to a server");
  }
  if (primaryIp.location !== location) {
    throw new ApiError(422, "primary_ip_datacenter_mismatch", "primary ip and server are in different locations");
  }
  const other = hub.state.primaryIps.find((each) => each.serverId === server?.id && each.type === primaryIp.type);
  if (server !== undefined && other !== undefined) {
    throw new ApiError(409, `server_has_${primaryIp.type}`, `the server already has an ${primaryIp.type} address`);
  }
}

export function assertType(primaryIp: PrimaryIpRecord, type: PrimaryIpRecord["type"]): void {
  if (primaryIp.type !== type) {
    throw new ApiError(422, "primary_ip_version_mismatch", `primary ip ${primaryIp.id} is not an ${type} address`);
  }
}

export function stoppedServer(hub: Hub, id: number): ServerRecord {
  const server = hub.state.servers.get(id);
  if (server === undefined) {
    throw invalidField("assignee_id", `server with ID '${id}' not found`);
  }
  hub.actions.assertFree({ id, type: "server" });
  if (server.status !== "off") {
    throw new ApiError(422, "server_not_stopped", "server must be powered off to change its primary ips");
  }
  return server;
}

/** Tells machine and packet filter which IPv4 address a server that is off has now. */
export async function carryOver(hub: Hub, serverId: number): Promise<void> {
  const address = hub.state.primaryIps.find((each) => each.serverId === serverId && each.type === "ipv4");
  await hub.filters.apply();
  await hub.context.machines.changeAddress(serverId, address?.ip ?? null);
}
