import type { FastifyRequest } from "fastify";
import { z } from "zod";
import type { App, Hub } from "../hub.ts";
import { existingNetwork } from "../networks/routes.ts";
import { pickPrivateIp } from "../networks/subnets.ts";
import { overlaps, parseCidr } from "../protocol/cidr.ts";
import { ApiError, invalidField } from "../protocol/errors.ts";
import { idParams } from "../protocol/fields.ts";
import { type Action, actionSchema, type PrivateNet } from "../schemas.ts";
import type { NetworkRecord } from "../state.ts";
import { existingServer, freeServer } from "./machine.ts";

const MAX_NETWORKS = 3;
const actionAnswer = z.object({ action: actionSchema });

const attachBody = z.strictObject({
  network: z.number().int(),
  ip: z.ipv4("must be an IPv4 address").nullish(),
  alias_ips: z.array(z.never("alias IPs are not offered by the local cloud")).nullish(),
  ip_range: z.string().nullish(),
});

/** `attach_to_network` and `detach_from_network`. */
export function registerServerNetworks(app: App, hub: Hub): void {
  const schema = <T extends z.ZodType>(body: T) => ({ params: idParams, body, response: { 201: actionAnswer } });

  app.post("/servers/:id/actions/attach_to_network", { schema: schema(attachBody) }, async (request, reply) => {
    const server = freeServer(hub, request.params.id);
    const network = existingNetwork(hub, request.body.network);
    const nic = reserveNic(hub, server.id, network, request.body.ip ?? undefined);
    return reply.code(201).send({ action: attach(hub, server.id, nic, { request }) });
  });

  const detachBody = z.strictObject({ network: z.number().int() });
  app.post("/servers/:id/actions/detach_from_network", { schema: schema(detachBody) }, async (request, reply) => {
    const server = freeServer(hub, request.params.id);
    const { network } = request.body;
    if (!server.privateNet.some((nic) => nic.network === network)) {
      throw invalidField("network", "the server is not attached to this network");
    }
    const order = { command: "detach_from_network", resources: resourcesOf(server.id, network), request, lock: true };
    const action = hub.actions.begin(order, async () => {
      await hub.context.machines.detachNetwork(server.id, network);
      dropNic(hub, server.id, network);
    });
    return reply.code(201).send({ action });
  });
}

/** Takes the address at once, so that no other request gets the same one while the NIC is still being plugged. */
export function reserveNic(hub: Hub, serverId: number, network: NetworkRecord, wanted: string | undefined): PrivateNet {
  const server = existingServer(hub, serverId);
  if (server.privateNet.some((nic) => nic.network === network.id)) {
    throw new ApiError(409, "server_already_attached", "server is already attached to network");
  }
  if (server.privateNet.length >= MAX_NETWORKS) {
    throw new ApiError(403, "resource_limit_exceeded", `a server takes at most ${MAX_NETWORKS} networks`);
  }
  const mine = server.privateNet.flatMap((nic) => hub.state.networks.get(nic.network)?.ipRange ?? []);
  if (mine.some((range) => rangesOverlap(range, network.ipRange))) {
    throw new ApiError(409, "networks_overlap", "network IP range overlaps with one of the server's networks");
  }
  const ip = pickPrivateIp(hub, network, wanted);
  const nic = { network: network.id, ip, alias_ips: [], mac_address: macOf(ip) };
  hub.state.servers.patch(serverId, { privateNet: [...server.privateNet, nic] });
  return nic;
}

/** Plugs a NIC that was reserved; gives the address back when that fails. */
export function attach(
  hub: Hub,
  serverId: number,
  nic: PrivateNet,
  order: { request?: FastifyRequest; after?: Action },
): Action {
  const resources = resourcesOf(serverId, nic.network);
  return hub.actions.begin(
    { ...order, command: "attach_to_network", resources, lock: true, undo: () => dropNic(hub, serverId, nic.network) },
    () => hub.context.machines.attachNetwork(serverId, { networkId: nic.network, ip: nic.ip }),
  );
}

function dropNic(hub: Hub, serverId: number, networkId: number): void {
  const server = hub.state.servers.get(serverId);
  if (server !== undefined) {
    hub.state.servers.patch(serverId, { privateNet: server.privateNet.filter((nic) => nic.network !== networkId) });
  }
}

function resourcesOf(serverId: number, networkId: number): { id: number; type: string }[] {
  return [
    { id: serverId, type: "server" },
    { id: networkId, type: "network" },
  ];
}

function rangesOverlap(a: string, b: string): boolean {
  const [left, right] = [parseCidr(a), parseCidr(b)];
  return left !== null && right !== null && overlaps(left, right);
}

/** The address the container engine derives from the IP: locally administered, then the four octets. */
function macOf(ip: string): string {
  const octets = ip.split(".").map((octet) => Number(octet).toString(16).padStart(2, "0"));
  return ["02", "42", ...octets].join(":");
}
