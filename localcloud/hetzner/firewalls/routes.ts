import { z } from "zod";
import type { App, Hub } from "../hub.ts";
import { ApiError, notFound, notUnique } from "../protocol/errors.ts";
import { idParams, labelsField, nameField } from "../protocol/fields.ts";
import { registerActionReads, registerReads } from "../reads.ts";
import { type Action, actionSchema, firewallSchema } from "../schemas.ts";
import type { FirewallRecord, FirewallTarget } from "../state.ts";
import { firewallView } from "../views.ts";
import { rulesField } from "./rules.ts";
import { assertApplicable, assertRemovable, sameTarget, targetsField } from "./targets.ts";

const createBody = z.strictObject({
  name: nameField.max(128, "is too long"),
  labels: labelsField.default({}),
  rules: rulesField.default([]),
  apply_to: targetsField.default([]),
});
const updateBody = z.strictObject({ name: nameField.optional(), labels: labelsField.optional() });
const answer = z.object({ firewall: firewallSchema });
const actionsAnswer = z.object({ actions: z.array(actionSchema) });

export function registerFirewalls(app: App, hub: Hub): void {
  const { firewalls } = hub.state;
  registerReads(app, {
    many: "firewalls",
    one: "firewall",
    kind: "firewall",
    schema: firewallSchema,
    items: () => firewalls.all().map((record) => firewallView(hub, record)),
    sortable: ["id", "name", "created"],
    filters: ["name"],
  });
  registerActionReads(app, hub, "firewalls", "firewall", (id) => firewalls.get(id) !== undefined);

  const create = { body: createBody, response: { 201: answer.extend({ actions: z.array(actionSchema) }) } };
  app.post("/firewalls", { schema: create }, async (request, reply) => {
    const { name, labels, rules, apply_to } = request.body;
    assertNameFree(hub, name);
    assertApplicable(hub, null, apply_to);
    const id = hub.context.store.nextId();
    const record = firewalls.put({ id, name, labels, rules, targets: apply_to, created: new Date().toISOString() });
    const order = { command: "set_firewall_rules", resources: [{ id, type: "firewall" }], request };
    const actions = [hub.actions.begin(order, () => hub.filters.apply()), ...applied(hub, record, apply_to)];
    return reply.code(201).send({ firewall: firewallView(hub, record), actions });
  });

  const update = { params: idParams, body: updateBody, response: { 200: answer } };
  app.put("/firewalls/:id", { schema: update }, async (request) => {
    const present = existing(hub, request.params.id);
    const { name = present.name, labels = present.labels } = request.body;
    assertNameFree(hub, name, present.id);
    return { firewall: firewallView(hub, firewalls.patch(present.id, { name, labels })) };
  });

  app.delete("/firewalls/:id", { schema: { params: idParams } }, async (request, reply) => {
    const present = existing(hub, request.params.id);
    if (present.targets.length > 0) {
      throw new ApiError(409, "resource_in_use", "firewall must not be in use to be deleted");
    }
    firewalls.remove(present.id);
    await hub.filters.apply();
    return reply.code(204).send();
  });

  registerFirewallActions(app, hub);
}

function registerFirewallActions(app: App, hub: Hub): void {
  const { firewalls } = hub.state;
  const schema = <T extends z.ZodType>(body: T) => ({ params: idParams, body, response: { 201: actionsAnswer } });

  const rules = z.strictObject({ rules: rulesField });
  app.post("/firewalls/:id/actions/set_rules", { schema: schema(rules) }, async (request, reply) => {
    const { id } = existing(hub, request.params.id);
    const order = { command: "set_firewall_rules", resources: [{ id, type: "firewall" }], request };
    const action = hub.actions.begin(order, async () => {
      firewalls.patch(id, { rules: request.body.rules });
      await hub.filters.apply();
    });
    return reply.code(201).send({ actions: [action] });
  });

  const apply = z.strictObject({ apply_to: targetsField });
  app.post("/firewalls/:id/actions/apply_to_resources", { schema: schema(apply) }, async (request, reply) => {
    const present = existing(hub, request.params.id);
    const { apply_to } = request.body;
    assertApplicable(hub, present, apply_to);
    const record = firewalls.patch(present.id, { targets: [...present.targets, ...apply_to] });
    return reply.code(201).send({ actions: applied(hub, record, apply_to) });
  });

  const remove = z.strictObject({ remove_from: targetsField });
  app.post("/firewalls/:id/actions/remove_from_resources", { schema: schema(remove) }, async (request, reply) => {
    const present = existing(hub, request.params.id);
    const { remove_from } = request.body;
    assertRemovable(hub, present, remove_from);
    const targets = present.targets.filter((target) => !remove_from.some((gone) => sameTarget(gone, target)));
    firewalls.patch(present.id, { targets });
    const actions = remove_from.map((target) =>
      hub.actions.begin({ command: "remove_firewall", resources: concerned(present, target) }, () =>
        hub.filters.apply(),
      ),
    );
    return reply.code(201).send({ actions });
  });
}

/** One action per target; the packet filter holds the rules before any of them ends. */
function applied(hub: Hub, firewall: FirewallRecord, targets: FirewallTarget[]): Action[] {
  return targets.map((target) =>
    hub.actions.begin({ command: "apply_firewall", resources: concerned(firewall, target) }, () => hub.filters.apply()),
  );
}

function concerned(firewall: FirewallRecord, target: FirewallTarget): { id: number; type: string }[] {
  const server = target.type === "server" ? [{ id: target.serverId, type: "server" }] : [];
  return [{ id: firewall.id, type: "firewall" }, ...server];
}

function existing(hub: Hub, id: number): FirewallRecord {
  const firewall = hub.state.firewalls.get(id);
  if (firewall === undefined) {
    throw notFound("firewall", id);
  }
  return firewall;
}

function assertNameFree(hub: Hub, name: string, except?: number): void {
  if (hub.state.firewalls.find((firewall) => firewall.name === name && firewall.id !== except) !== undefined) {
    throw notUnique("name is already used", "name");
  }
}
