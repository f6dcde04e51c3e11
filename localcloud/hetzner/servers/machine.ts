import type { MachineSpec, PrivateNic } from "../../machines/types.ts";
import { serverTypeNamed } from "../catalogue/server-types.ts";
import type { Hub } from "../hub.ts";
import { notFound } from "../protocol/errors.ts";
import type { ServerRecord } from "../state.ts";

const MIB_PER_GB = 1024;

export function existingServer(hub: Hub, id: number): ServerRecord {
  const server = hub.state.servers.get(id);
  if (server === undefined) {
    throw notFound("server", id);
  }
  return server;
}

/** The server, unless an action is running on it. */
export function freeServer(hub: Hub, id: number): ServerRecord {
  const server = existingServer(hub, id);
  hub.actions.assertFree({ id, type: "server" });
  return server;
}

export function specOf(hub: Hub, server: ServerRecord, start: boolean): MachineSpec {
  const type = serverTypeNamed(server.serverType);
  const address = hub.state.primaryIps.find((each) => each.serverId === server.id && each.type === "ipv4");
  return {
    id: server.id,
    name: server.name,
    image: server.image,
    ipv4: address?.ip ?? null,
    userData: server.userData,
    sshKeys: server.publicKeys,
    memoryMiB: type.memory * MIB_PER_GB,
    cores: type.cores,
    start,
  };
}

export function nicsOf(server: ServerRecord): PrivateNic[] {
  return server.privateNet.map((nic) => ({ networkId: nic.network, ip: nic.ip }));
}
