import { randomBytes } from "node:crypto";
import { z } from "zod";
import { serverTypeNamed } from "../catalogue/server-types.ts";
import type { App, Hub } from "../hub.ts";
import { ApiError, invalidField, notFound, protectedAgainst } from "../protocol/errors.ts";
import { idOrName, idParams } from "../protocol/fields.ts";
import { changePointer, covers, pointerBody } from "../rdns.ts";
import { actionSchema } from "../schemas.ts";
import type { ServerRecord } from "../state.ts";
import { userDataField } from "./body.ts";
import { existingServer, freeServer, nicsOf, specOf } from "./machine.ts";
import { assertSold, resolveImage, resolveType } from "./plan.ts";

const actionAnswer = z.object({ action: actionSchema });
const resource = (server: ServerRecord) => ({ id: server.id, type: "server" });

/** `change_type`, `rebuild`, `change_protection`, `change_dns_ptr`. */
export function registerChanges(app: App, hub: Hub): void {
  const schema = <T extends z.ZodType>(body: T) => ({ params: idParams, body, response: { 201: actionAnswer } });

  const typeBody = z.strictObject({ server_type: idOrName, upgrade_disk: z.boolean() });
  app.post("/servers/:id/actions/change_type", { schema: schema(typeBody) }, async (request, reply) => {
    const server = freeServer(hub, request.params.id);
    const type = fittingType(server, request.body.server_type);
    const diskGb = request.body.upgrade_disk ? type.disk : server.diskGb;
    const order = { command: "change_server_type", resources: [resource(server)], request, lock: true };
    const action = hub.actions.begin({ ...order, undo: () => setStatus(hub, server.id, "off") }, async () => {
      setStatus(hub, server.id, "migrating");
      const changed = hub.state.servers.patch(server.id, { serverType: type.name, diskGb });
      const { memoryMiB, cores } = specOf(hub, changed, true);
      await hub.context.machines.changeType(server.id, memoryMiB, cores);
      // Clients do not ask for it: the real API starts the server again by itself.
      await hub.context.machines.powerOn(server.id);
      setStatus(hub, server.id, "running");
    });
    return reply.code(201).send({ action });
  });

  const rebuildBody = z.strictObject({ image: idOrName, user_data: userDataField.nullish() });
  const rebuildAnswer = actionAnswer.extend({ root_password: z.string().nullable() });
  const rebuild = { params: idParams, body: rebuildBody, response: { 201: rebuildAnswer } };
  app.post("/servers/:id/actions/rebuild", { schema: rebuild }, async (request, reply) => {
    const bootable = await hub.context.machines.images();
    const server = freeServer(hub, request.params.id);
    if (server.protected) {
      throw protectedAgainst("server", "rebuild");
    }
    const image = resolveImage(bootable, request.body.image, serverTypeNamed(server.serverType).architecture);
    const userData = request.body.user_data ?? server.userData;
    const order = { command: "rebuild_server", resources: [resource(server)], request, lock: true };
    const action = hub.actions.begin({ ...order, undo: () => setStatus(hub, server.id, "off") }, async () => {
      const next = { status: "rebuilding" as const, image: image.name ?? server.image, userData };
      const rebuilt = hub.state.servers.patch(server.id, next);
      await hub.context.machines.rebuild(specOf(hub, rebuilt, true), nicsOf(rebuilt));
      setStatus(hub, server.id, "running");
    });
    const root_password = server.publicKeys.length > 0 ? null : randomBytes(12).toString("base64url");
    return reply.code(201).send({ action, root_password });
  });

  const protection = z.strictObject({ delete: z.boolean().optional(), rebuild: z.boolean().optional() });
  app.post("/servers/:id/actions/change_protection", { schema: schema(protection) }, async (request, reply) => {
    const server = existingServer(hub, request.params.id);
    const wanted = { delete: server.protected, rebuild: server.protected, ...request.body };
    if (wanted.delete !== wanted.rebuild) {
      throw invalidField("rebuild", "must have the same value as delete");
    }
    const action = hub.actions.begin(
      { command: "change_protection", resources: [resource(server)], request },
      async () => {
        hub.state.servers.patch(server.id, { protected: wanted.delete });
      },
    );
    return reply.code(201).send({ action });
  });

  app.post("/servers/:id/actions/change_dns_ptr", { schema: schema(pointerBody) }, async (request, reply) => {
    const server = existingServer(hub, request.params.id);
    const mine = hub.state.primaryIps.all().filter((each) => each.serverId === server.id);
    const address = mine.find((each) => covers(each, request.body.ip));
    if (address === undefined) {
      throw notFound("ip", request.body.ip);
    }
    return reply.code(201).send({ action: changePointer(hub, request, address, resource(server)) });
  });
}

function fittingType(server: ServerRecord, wanted: number | string) {
  const type = resolveType(wanted);
  const present = serverTypeNamed(server.serverType);
  if (server.status !== "off") {
    throw new ApiError(422, "server_not_stopped", "server must be powered off to change its type");
  }
  if (type.name === present.name) {
    throw invalidField("server_type", "is the present type of the server");
  }
  if (type.architecture !== present.architecture || type.disk < server.diskGb) {
    throw new ApiError(422, "invalid_server_type", "the server type has another architecture or a smaller disk");
  }
  assertSold(type, server.location);
  return type;
}

function setStatus(hub: Hub, id: number, status: ServerRecord["status"]): void {
  hub.state.servers.patch(id, { status });
}
