import { z } from "zod";
import { findLocation, locationNamed } from "./catalogue/locations.ts";
import type { App, Hub } from "./hub.ts";
import { ApiError, invalidField, notFound, notUnique, protectedAgainst } from "./protocol/errors.ts";
import { emptyBody, idOrName, idParams, labelsField, nameField } from "./protocol/fields.ts";
import { registerActionReads, registerReads } from "./reads.ts";
import { actionSchema, volumeSchema } from "./schemas.ts";
import type { ServerRecord, VolumeRecord } from "./state.ts";
import { volumeView } from "./views.ts";

const size = z.number("must be a number").int().min(10, "must be at least 10").max(10240, "must be at most 10240");
const createBody = z.strictObject({
  name: nameField.max(64, "is too long"),
  size,
  labels: labelsField.default({}),
  automount: z.boolean().optional(),
  format: z.enum(["ext4", "xfs"], "must be one of ext4, xfs").nullish(),
  location: idOrName.nullish(),
  server: z.number().int().nullish(),
});
const updateBody = z.strictObject({ name: nameField.optional(), labels: labelsField.optional() });
const answer = z.object({ volume: volumeSchema });
const actionAnswer = z.object({ action: actionSchema });
const resource = (volume: VolumeRecord) => ({ id: volume.id, type: "volume" });

export function registerVolumes(app: App, hub: Hub): void {
  const { volumes } = hub.state;
  registerReads(app, {
    many: "volumes",
    one: "volume",
    kind: "volume",
    schema: volumeSchema,
    items: () => volumes.all().map(volumeView),
    sortable: ["id", "name", "created"],
    filters: ["name", "status"],
  });
  registerActionReads(app, hub, "volumes", "volume", (id) => volumes.get(id) !== undefined);

  const createAnswer = answer.extend({ action: actionSchema, next_actions: z.array(actionSchema) });
  app.post("/volumes", { schema: { body: createBody, response: { 201: createAnswer } } }, async (request, reply) => {
    const { name, size, labels, format = null, location, server: serverId } = request.body;
    assertNameFree(hub, name);
    const server = serverId == null ? null : serverFor(hub, serverId);
    const home = server === null ? findLocation(String(location ?? "")) : locationNamed(server.location);
    if (home === undefined) {
      throw invalidField("location", "must name a location, or give a server");
    }
    const id = hub.context.store.nextId();
    const created = new Date().toISOString();
    const record = { id, name, created, serverId: null, location: home.name, size, format, labels, protected: false };
    volumes.put(record);
    const order = { command: "create_volume", resources: [resource(record)], request, lock: true };
    const action = hub.actions.begin(order, () => hub.context.machines.createVolume(id, size));
    const next = server === null ? [] : [attach(hub, record, server, { after: action })];
    return reply.code(201).send({ volume: volumeView(record), action, next_actions: next });
  });

  const update = { params: idParams, body: updateBody, response: { 200: answer } };
  app.put("/volumes/:id", { schema: update }, async (request) => {
    const present = existing(hub, request.params.id);
    const { name = present.name, labels = present.labels } = request.body;
    assertNameFree(hub, name, present.id);
    return { volume: volumeView(volumes.patch(present.id, { name, labels })) };
  });

  app.delete("/volumes/:id", { schema: { params: idParams } }, async (request, reply) => {
    const present = free(hub, request.params.id);
    if (present.protected) {
      throw protectedAgainst("volume", "deletion");
    }
    if (present.serverId !== null) {
      throw new ApiError(409, "volume_already_attached", "volume must be detached before it is deleted");
    }
    await hub.context.machines.deleteVolume(present.id);
    volumes.remove(present.id);
    return reply.code(204).send();
  });

  registerVolumeActions(app, hub);
}

function registerVolumeActions(app: App, hub: Hub): void {
  const { volumes } = hub.state;
  const schema = <T extends z.ZodType>(body: T) => ({ params: idParams, body, response: { 201: actionAnswer } });

  const attachBody = z.strictObject({ server: z.number().int(), automount: z.boolean().nullish() });
  app.post("/volumes/:id/actions/attach", { schema: schema(attachBody) }, async (request, reply) => {
    const volume = free(hub, request.params.id);
    if (volume.serverId !== null) {
      throw new ApiError(409, "volume_already_attached", "volume is already attached to a server");
    }
    const server = serverFor(hub, request.body.server);
    if (server.location !== volume.location) {
      throw invalidField("server", "must be in the location of the volume");
    }
    return reply.code(201).send({ action: attach(hub, volume, server, { request }) });
  });

  app.post("/volumes/:id/actions/detach", { schema: schema(emptyBody) }, async (request, reply) => {
    const volume = free(hub, request.params.id);
    const { serverId } = volume;
    if (serverId === null) {
      throw invalidField("id", "volume is not attached to a server");
    }
    hub.actions.assertFree({ id: serverId, type: "server" });
    const resources = [resource(volume), { id: serverId, type: "server" }];
    const action = hub.actions.begin({ command: "detach_volume", resources, request, lock: true }, async () => {
      await hub.context.machines.detachVolume(serverId, volume.id);
      volumes.patch(volume.id, { serverId: null });
    });
    return reply.code(201).send({ action });
  });

  app.post("/volumes/:id/actions/resize", { schema: schema(z.strictObject({ size })) }, async (request, reply) => {
    const volume = free(hub, request.params.id);
    if (request.body.size <= volume.size) {
      throw invalidField("size", "must be greater than the present size");
    }
    const order = { command: "resize_volume", resources: [resource(volume)], request, lock: true };
    const action = hub.actions.begin(order, async () => {
      volumes.patch(volume.id, { size: request.body.size });
    });
    return reply.code(201).send({ action });
  });

  const protection = z.strictObject({ delete: z.boolean().optional() });
  app.post("/volumes/:id/actions/change_protection", { schema: schema(protection) }, async (request, reply) => {
    const volume = existing(hub, request.params.id);
    const action = hub.actions.begin(
      { command: "change_protection", resources: [resource(volume)], request },
      async () => {
        volumes.patch(volume.id, { protected: request.body.delete ?? volume.protected });
      },
    );
    return reply.code(201).send({ action });
  });
}

type Order = Pick<Parameters<Hub["actions"]["begin"]>[0], "after" | "request">;

function attach(hub: Hub, volume: VolumeRecord, server: ServerRecord, order: Order) {
  const resources = [resource(volume), { id: server.id, type: "server" }];
  return hub.actions.begin({ ...order, command: "attach_volume", resources, lock: true }, async () => {
    await hub.context.machines.attachVolume(server.id, volume.id);
    hub.state.volumes.patch(volume.id, { serverId: server.id });
  });
}

function existing(hub: Hub, id: number): VolumeRecord {
  const volume = hub.state.volumes.get(id);
  if (volume === undefined) {
    throw notFound("volume", id);
  }
  return volume;
}

function free(hub: Hub, id: number): VolumeRecord {
  hub.actions.assertFree({ id, type: "volume" });
  return existing(hub, id);
}

function serverFor(hub: Hub, id: number): ServerRecord {
  const server = hub.state.servers.get(id);
  if (server === undefined) {
    throw invalidField("server", `server with ID '${id}' not found`);
  }
  hub.actions.assertFree({ id, type: "server" });
  return server;
}

function assertNameFree(hub: Hub, name: string, except?: number): void {
  if (hub.state.volumes.find((volume) => volume.name === name && volume.id !== except) !== undefined) {
    throw notUnique("name is already used", "name");
  }
}
