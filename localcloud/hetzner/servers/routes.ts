import { z } from "zod";
import type { App, Hub } from "../hub.ts";
import { protectedAgainst } from "../protocol/errors.ts";
import { idParams } from "../protocol/fields.ts";
import { registerActionReads, registerReads } from "../reads.ts";
import { actionSchema, serverSchema } from "../schemas.ts";
import { serverView } from "../views.ts";
import { createBody, updateBody } from "./body.ts";
import { registerChanges } from "./change.ts";
import { createServer } from "./create.ts";
import { existingServer, freeServer } from "./machine.ts";
import { registerServerNetworks } from "./networks.ts";
import { assertServerNameFree, planServer } from "./plan.ts";
import { registerPower } from "./power.ts";
import { removeServer } from "./remove.ts";

const answer = z.object({ server: serverSchema });
const createAnswer = answer.extend({
  action: actionSchema,
  next_actions: z.array(actionSchema),
  root_password: z.string().nullable(),
});

export function registerServers(app: App, hub: Hub): void {
  const { servers } = hub.state;
  registerReads(app, {
    many: "servers",
    one: "server",
    kind: "server",
    schema: serverSchema,
    items: () => servers.all().map((record) => serverView(hub, record)),
    sortable: ["id", "name", "created"],
    filters: ["name", "status"],
  });
  registerActionReads(app, hub, "servers", "server", (id) => servers.get(id) !== undefined);

  app.post("/servers", { schema: { body: createBody, response: { 201: createAnswer } } }, async (request, reply) => {
    const plan = planServer(hub, request.body, await hub.context.machines.images());
    const { server, action, next, rootPassword } = createServer(hub, request, request.body, plan);
    const view = serverView(hub, existingServer(hub, server.id));
    return reply.code(201).send({ server: view, action, next_actions: next, root_password: rootPassword });
  });

  const update = { params: idParams, body: updateBody, response: { 200: answer } };
  app.put("/servers/:id", { schema: update }, async (request) => {
    const present = existingServer(hub, request.params.id);
    const { name = present.name, labels = present.labels } = request.body;
    assertServerNameFree(hub, name, present.id);
    const changed = servers.patch(present.id, { name, labels });
    // A firewall may choose its servers by label.
    await hub.filters.apply();
    return { server: serverView(hub, changed) };
  });

  const remove = { params: idParams, response: { 200: z.object({ action: actionSchema }) } };
  app.delete("/servers/:id", { schema: remove }, async (request) => {
    const server = freeServer(hub, request.params.id);
    if (server.protected) {
      throw protectedAgainst("server", "deletion");
    }
    servers.patch(server.id, { status: "deleting" });
    const order = {
      command: "delete_server",
      resources: [{ id: server.id, type: "server" }],
      request,
      lock: true,
      undo: () => void servers.patch(server.id, { status: server.status }),
    };
    return { action: hub.actions.begin(order, () => removeServer(hub, server)) };
  });

  registerPower(app, hub);
  registerChanges(app, hub);
  registerServerNetworks(app, hub);
}
