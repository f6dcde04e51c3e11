import { randomBytes } from "node:crypto";
import type { FastifyRequest } from "fastify";
import type { Hub } from "../hub.ts";
import { newPrimaryIp } from "../primary-ips/assign.ts";
import type { Action } from "../schemas.ts";
import type { ServerRecord } from "../state.ts";
import type { CreateBody } from "./body.ts";
import { specOf } from "./machine.ts";
import { attach, reserveNic } from "./networks.ts";
import type { ServerPlan } from "./plan.ts";

export interface Created {
  server: ServerRecord;
  action: Action;
  next: Action[];
  rootPassword: string | null;
}

/** Puts the server with its addresses and firewalls into the state and starts making the machine. */
export function createServer(hub: Hub, request: FastifyRequest, body: CreateBody, plan: ServerPlan): Created {
  const server = record(hub, body, plan);
  takeAddresses(hub, server, body, plan);
  for (const firewall of plan.firewalls) {
    const target = { type: "server" as const, serverId: server.id };
    hub.state.firewalls.patch(firewall.id, { targets: [...firewall.targets, target] });
  }
  const resource = { id: server.id, type: "server" };
  const action = hub.actions.begin(
    { command: "create_server", resources: [resource], request, lock: true },
    async () => {
      // The packet filter goes first: not even the first second of a server is open to more than its firewalls allow.
      await hub.filters.apply();
      await hub.context.machines.createServer(specOf(hub, server, body.start_after_create));
      hub.state.servers.patch(server.id, { status: body.start_after_create ? "running" : "off" });
    },
  );
  const next = [...(body.start_after_create ? ["start_server"] : [])].map((command) =>
    hub.actions.begin({ command, resources: [resource], after: action }, async () => undefined),
  );
  return { server, action, next: [...next, ...attachments(hub, server, plan, action)], rootPassword: password(plan) };
}

function record(hub: Hub, body: CreateBody, plan: ServerPlan): ServerRecord {
  return hub.state.servers.put({
    id: hub.context.store.nextId(),
    name: body.name,
    status: "initializing",
    created: new Date().toISOString(),
    serverType: plan.type.name,
    location: plan.location.name,
    image: plan.image.name ?? "",
    userData: body.user_data ?? "",
    publicKeys: plan.publicKeys,
    labels: body.labels,
    protected: false,
    diskGb: plan.type.disk,
    privateNet: [],
  });
}

/** Addresses the caller gave, else new ones that go when the server goes. */
function takeAddresses(hub: Hub, server: ServerRecord, body: CreateBody, plan: ServerPlan): void {
  for (const type of ["ipv4", "ipv6"] as const) {
    const given = plan.primaryIps.find((each) => each.type === type);
    if (given !== undefined) {
      hub.state.primaryIps.patch(given.id, { serverId: server.id });
    } else if (body.public_net[`enable_${type}`]) {
      newPrimaryIp(hub, { type, location: server.location, labels: {}, autoDelete: true, serverId: server.id });
    }
  }
}

function attachments(hub: Hub, server: ServerRecord, plan: ServerPlan, action: Action): Action[] {
  const resource = { id: server.id, type: "server" };
  const networks = plan.networks.map((network) => {
    const nic = reserveNic(hub, server.id, network, undefined);
    return attach(hub, server.id, nic, { after: action });
  });
  const volumes = plan.volumes.map((volume) =>
    hub.actions.begin(
      { command: "attach_volume", resources: [resource, { id: volume.id, type: "volume" }], lock: true, after: action },
      async () => {
        await hub.context.machines.attachVolume(server.id, volume.id);
        hub.state.volumes.patch(volume.id, { serverId: server.id });
      },
    ),
  );
  return [...networks, ...volumes];
}

/** As at the real API, a password only exists when there is no key to log in with. */
function password(plan: ServerPlan): string | null {
  return plan.publicKeys.length > 0 ? null : randomBytes(12).toString("base64url");
}
