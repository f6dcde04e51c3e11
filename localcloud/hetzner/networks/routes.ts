import { z } from "zod";
import { networkZones } from "../catalogue/locations.ts";
import type { App, Hub } from "../hub.ts";
import { type Cidr, isPrivate, parseCidr } from "../protocol/cidr.ts";
import { invalidField, notFound, notUnique, protectedAgainst } from "../protocol/errors.ts";
import { idParams, labelsField, nameField } from "../protocol/fields.ts";
import { registerActionReads, registerReads } from "../reads.ts";
import { actionSchema, networkSchema } from "../schemas.ts";
import type { NetworkRecord } from "../state.ts";
import { networkView } from "../views.ts";
import { assertSubnetRemovable, planSubnet } from "./subnets.ts";

const SMALLEST = 24;

const subnetBody = z.strictObject({
  type: z.enum(["cloud", "server", "vswitch"], "must be one of cloud, server, vswitch"),
  ip_range: z.string().optional(),
  network_zone: z.enum(networkZones, `must be one of ${networkZones.join(", ")}`),
  gateway: z.string().optional(),
  vswitch_id: z.number().int().optional(),
});

const createBody = z.strictObject({
  name: nameField,
  ip_range: z.string("must be a string"),
  subnets: z.array(subnetBody).default([]),
  routes: z.array(z.never("is not offered by the local cloud")).default([]),
  labels: labelsField.default({}),
  expose_routes_to_vswitch: z.boolean().default(false),
});
const updateBody = z.strictObject({
  name: nameField.optional(),
  labels: labelsField.optional(),
  expose_routes_to_vswitch: z.boolean().optional(),
});
const answer = z.object({ network: networkSchema });
const actionAnswer = z.object({ action: actionSchema });

export function registerNetworks(app: App, hub: Hub): void {
  const { networks } = hub.state;
  registerReads(app, {
    many: "networks",
    one: "network",
    kind: "network",
    schema: networkSchema,
    items: () => networks.all().map((record) => networkView(hub, record)),
    sortable: ["id", "name", "created"],
    filters: ["name"],
  });
  registerActionReads(app, hub, "networks", "network", (id) => networks.get(id) !== undefined);

  app.post("/networks", { schema: { body: createBody, response: { 201: answer } } }, async (request, reply) => {
    const { name, ip_range, subnets, labels, expose_routes_to_vswitch } = request.body;
    const range = networkRange(ip_range);
    assertNameFree(hub, name);
    const planned: NetworkRecord["subnets"] = [];
    for (const subnet of subnets) {
      planned.push(planSubnet({ range, ipRange: ip_range, subnets: planned }, subnet));
    }
    const record = networks.put({
      id: hub.context.store.nextId(),
      name,
      created: new Date().toISOString(),
      ipRange: ip_range,
      subnets: planned,
      labels,
      protected: false,
      exposeRoutesToVswitch: expose_routes_to_vswitch,
    });
    try {
      await hub.context.machines.createNetwork(record.id, ip_range);
    } catch (error) {
      networks.remove(record.id);
      throw error;
    }
    return reply.code(201).send({ network: networkView(hub, record) });
  });

  const update = { params: idParams, body: updateBody, response: { 200: answer } };
  app.put("/networks/:id", { schema: update }, async (request) => {
    const present = existingNetwork(hub, request.params.id);
    const { name = present.name, labels = present.labels } = request.body;
    const { expose_routes_to_vswitch: exposeRoutesToVswitch = present.exposeRoutesToVswitch } = request.body;
    assertNameFree(hub, name, present.id);
    return { network: networkView(hub, networks.patch(present.id, { name, labels, exposeRoutesToVswitch })) };
  });

  app.delete("/networks/:id", { schema: { params: idParams } }, async (request, reply) => {
    const present = existingNetwork(hub, request.params.id);
    if (present.protected) {
      throw protectedAgainst("network", "deletion");
    }
    hub.actions.assertFree({ id: present.id, type: "network" });
    await detachAll(hub, present.id);
    await hub.context.machines.deleteNetwork(present.id);
    networks.remove(present.id);
    return reply.code(204).send();
  });

  registerNetworkActions(app, hub);
}

function registerNetworkActions(app: App, hub: Hub): void {
  const { networks } = hub.state;
  const schema = <T extends z.ZodType>(body: T) => ({ params: idParams, body, response: { 201: actionAnswer } });

  app.post("/networks/:id/actions/add_subnet", { schema: schema(subnetBody) }, async (request, reply) => {
    const network = existingNetwork(hub, request.params.id);
    const subnet = planSubnet({ ...network, range: networkRange(network.ipRange) }, request.body);
    const action = hub.actions.begin({ command: "add_subnet", resources: [resource(network)], request }, async () => {
      const now = existingNetwork(hub, network.id);
      networks.patch(network.id, { subnets: [...now.subnets, subnet] });
    });
    return reply.code(201).send({ action });
  });

  const range = z.strictObject({ ip_range: z.string() });
  app.post("/networks/:id/actions/delete_subnet", { schema: schema(range) }, async (request, reply) => {
    const network = existingNetwork(hub, request.params.id);
    const { ip_range } = request.body;
    assertSubnetRemovable(hub, network, ip_range);
    const action = hub.actions.begin(
      { command: "delete_subnet", resources: [resource(network)], request },
      async () => {
        const now = existingNetwork(hub, network.id);
        networks.patch(network.id, { subnets: now.subnets.filter((subnet) => subnet.ip_range !== ip_range) });
      },
    );
    return reply.code(201).send({ action });
  });

  const protection = z.strictObject({ delete: z.boolean().optional() });
  app.post("/networks/:id/actions/change_protection", { schema: schema(protection) }, async (request, reply) => {
    const network = existingNetwork(hub, request.params.id);
    const order = { command: "change_protection", resources: [resource(network)], request };
    const action = hub.actions.begin(order, async () => {
      networks.patch(network.id, { protected: request.body.delete ?? network.protected });
    });
    return reply.code(201).send({ action });
  });
}

export function existingNetwork(hub: Hub, id: number): NetworkRecord {
  const network = hub.state.networks.get(id);
  if (network === undefined) {
    throw notFound("network", id);
  }
  return network;
}

function resource(network: NetworkRecord): { id: number; type: string } {
  return { id: network.id, type: "network" };
}

/** Servers still attached lose their NIC when the network goes, as at the real API. */
async function detachAll(hub: Hub, networkId: number): Promise<void> {
  for (const server of hub.state.servers.all()) {
    if (server.privateNet.some((nic) => nic.network === networkId)) {
      hub.actions.assertFree({ id: server.id, type: "server" });
      await hub.context.machines.detachNetwork(server.id, networkId);
      const privateNet = server.privateNet.filter((nic) => nic.network !== networkId);
      hub.state.servers.patch(server.id, { privateNet });
    }
  }
}

function assertNameFree(hub: Hub, name: string, except?: number): void {
  if (hub.state.networks.find((network) => network.name === name && network.id !== except) !== undefined) {
    throw notUnique("name is already used", "name");
  }
}

function networkRange(text: string): Cidr {
  const range = parseCidr(text);
  if (range === null || !isPrivate(range)) {
    throw invalidField("ip_range", "must be a network of an RFC 1918 range without host bits, for example 10.0.0.0/16");
  }
  if (range.bits > SMALLEST) {
    throw invalidField("ip_range", `must be at least a /${SMALLEST}`);
  }
  return range;
}
