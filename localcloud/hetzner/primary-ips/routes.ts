import { z } from "zod";
import { datacenters } from "../catalogue/datacenters.ts";
import { findLocation, locationNamed } from "../catalogue/locations.ts";
import type { App, Hub } from "../hub.ts";
import { invalidField, notUnique, protectedAgainst } from "../protocol/errors.ts";
import { emptyBody, idParams, labelsField, nameField } from "../protocol/fields.ts";
import { changePointer, pointerBody } from "../rdns.ts";
import { registerActionReads, registerReads } from "../reads.ts";
import { actionSchema, primaryIpSchema } from "../schemas.ts";
import type { PrimaryIpRecord } from "../state.ts";
import { primaryIpView } from "../views.ts";
import { assertAssignable, carryOver, existingPrimaryIp, newPrimaryIp, stoppedServer } from "./assign.ts";

const assignee = {
  assignee_id: z.number().int(),
  assignee_type: z.literal("server", "must be server"),
};
const createBody = z.strictObject({
  name: nameField,
  type: z.enum(["ipv4", "ipv6"], "must be one of ipv4, ipv6"),
  assignee_type: assignee.assignee_type.default("server"),
  assignee_id: assignee.assignee_id.nullish(),
  auto_delete: z.boolean().default(false),
  labels: labelsField.default({}),
  location: z.string().nullish(),
  datacenter: z.string().nullish(),
});
const updateBody = z.strictObject({
  name: nameField.optional(),
  labels: labelsField.optional(),
  auto_delete: z.boolean().optional(),
});
const answer = z.object({ primary_ip: primaryIpSchema });
const actionAnswer = z.object({ action: actionSchema });
const resource = (record: PrimaryIpRecord) => ({ id: record.id, type: "primary_ip" });

export function registerPrimaryIps(app: App, hub: Hub): void {
  const { primaryIps } = hub.state;
  registerReads(app, {
    many: "primary_ips",
    one: "primary_ip",
    kind: "primary ip",
    schema: primaryIpSchema,
    items: () => primaryIps.all().map(primaryIpView),
    sortable: ["id", "name", "created"],
    filters: ["name", "ip", "type"],
  });
  registerActionReads(app, hub, "primary_ips", "primary_ip", (id) => primaryIps.get(id) !== undefined);

  const create = { body: createBody, response: { 201: answer.extend({ action: actionSchema.nullable() }) } };
  app.post("/primary_ips", { schema: create }, async (request, reply) => {
    const { name, type, labels, auto_delete: autoDelete, assignee_id } = request.body;
    assertNameFree(hub, name);
    const server = assignee_id == null ? null : stoppedServer(hub, assignee_id);
    const location = server?.location ?? locationOf(request.body);
    const record = newPrimaryIp(hub, { name, type, labels, autoDelete, location, serverId: null });
    if (server === null) {
      return reply.code(201).send({ primary_ip: primaryIpView(record), action: null });
    }
    const resources = [resource(record), { id: server.id, type: "server" }];
    const action = hub.actions.begin({ command: "create_primary_ip", resources, request }, () =>
      assign(hub, record.id, server.id),
    );
    return reply.code(201).send({ primary_ip: primaryIpView(existingPrimaryIp(hub, record.id)), action });
  });

  const update = { params: idParams, body: updateBody, response: { 200: answer } };
  app.put("/primary_ips/:id", { schema: update }, async (request) => {
    const present = existingPrimaryIp(hub, request.params.id);
    const { name = present.name, labels = present.labels, auto_delete: autoDelete = present.autoDelete } = request.body;
    assertNameFree(hub, name, present.id);
    return { primary_ip: primaryIpView(primaryIps.patch(present.id, { name, labels, autoDelete })) };
  });

  app.delete("/primary_ips/:id", { schema: { params: idParams } }, async (request, reply) => {
    const present = existingPrimaryIp(hub, request.params.id);
    if (present.protected) {
      throw protectedAgainst("primary ip", "deletion");
    }
    const server = present.serverId === null ? null : stoppedServer(hub, present.serverId);
    primaryIps.remove(present.id);
    if (server !== null && present.type === "ipv4") {
      await carryOver(hub, server.id);
    }
    return reply.code(204).send();
  });

  registerPrimaryIpActions(app, hub);
}

function registerPrimaryIpActions(app: App, hub: Hub): void {
  const schema = <T extends z.ZodType>(body: T) => ({ params: idParams, body, response: { 201: actionAnswer } });

  app.post("/primary_ips/:id/actions/assign", { schema: schema(z.strictObject(assignee)) }, async (request, reply) => {
    const record = existingPrimaryIp(hub, request.params.id);
    const server = stoppedServer(hub, request.body.assignee_id);
    assertAssignable(hub, record, server.location, server);
    const resources = [{ id: server.id, type: "server" }, resource(record)];
    const action = hub.actions.begin({ command: "assign_primary_ip", resources, request, lock: true }, () =>
      assign(hub, record.id, server.id),
    );
    return reply.code(201).send({ action });
  });

  app.post("/primary_ips/:id/actions/unassign", { schema: schema(emptyBody) }, async (request, reply) => {
    const record = existingPrimaryIp(hub, request.params.id);
    if (record.serverId === null) {
      throw invalidField("id", "primary ip is not assigned");
    }
    const server = stoppedServer(hub, record.serverId);
    const resources = [{ id: server.id, type: "server" }, resource(record)];
    const action = hub.actions.begin({ command: "unassign_primary_ip", resources, request, lock: true }, async () => {
      hub.state.primaryIps.patch(record.id, { serverId: null });
      await carryOverIfV4(hub, record, server.id);
    });
    return reply.code(201).send({ action });
  });

  const protection = z.strictObject({ delete: z.boolean().optional() });
  app.post("/primary_ips/:id/actions/change_protection", { schema: schema(protection) }, async (request, reply) => {
    const record = existingPrimaryIp(hub, request.params.id);
    const order = { command: "change_protection", resources: [resource(record)], request };
    const action = hub.actions.begin(order, async () => {
      hub.state.primaryIps.patch(record.id, { protected: request.body.delete ?? record.protected });
    });
    return reply.code(201).send({ action });
  });

  app.post("/primary_ips/:id/actions/change_dns_ptr", { schema: schema(pointerBody) }, async (request, reply) => {
    const record = existingPrimaryIp(hub, request.params.id);
    return reply.code(201).send({ action: changePointer(hub, request, record, resource(record)) });
  });
}

async function assign(hub: Hub, primaryIpId: number, serverId: number): Promise<void> {
  const record = hub.state.primaryIps.patch(primaryIpId, { serverId });
  await carryOverIfV4(hub, record, serverId);
}

async function carryOverIfV4(hub: Hub, record: PrimaryIpRecord, serverId: number): Promise<void> {
  if (record.type === "ipv4") {
    await carryOver(hub, serverId);
  }
}

function locationOf(body: z.output<typeof createBody>): string {
  const fromDatacenter = datacenters.find((each) => each.name === body.datacenter)?.location;
  const location = body.location == null ? fromDatacenter : findLocation(body.location);
  if (location === undefined) {
    throw invalidField("location", "must name a location, or give an assignee_id");
  }
  return locationNamed(location.name).name;
}

function assertNameFree(hub: Hub, name: string, except?: number): void {
  if (hub.state.primaryIps.find((each) => each.name === name && each.id !== except) !== undefined) {
    throw notUnique("name is already used", "name");
  }
}
