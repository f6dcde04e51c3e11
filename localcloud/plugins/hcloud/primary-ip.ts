/** Public addresses that outlive servers. */
import { type Context, resource } from "../define.ts";
import type { Properties } from "../values.ts";
import { type Hcloud, isCode } from "./client.ts";
import { apiId, autoname, name, shownLabels } from "./inputs.ts";
import { waitUntilRunning } from "./server-steps.ts";
import type { Action, Server, PrimaryIp as View } from "./views.ts";

function stateOf(view: View): Properties {
  const range = view.type === "ipv6";
  return {
    name: view.name,
    type: view.type,
    location: view.location.name,
    datacenter: view.datacenter?.name ?? "",
    assigneeId: view.assignee_id ?? 0,
    assigneeType: view.assignee_type,
    autoDelete: view.auto_delete,
    deleteProtection: view.protection.delete,
    labels: view.labels,
    ipAddress: range ? view.ip.replace(/\/\d+$/, "") : view.ip,
    ipNetwork: range ? view.ip : "",
  };
}

async function get(client: Hcloud, signal: AbortSignal, id: number): Promise<View | undefined> {
  return (await client.find<{ primary_ip: View }>(signal, `/primary_ips/${id}`))?.primary_ip;
}

/** Servers are off while their address changes. */
async function whileOff({ client, signal }: Context<Hcloud>, server: number | null, work: () => Promise<void>) {
  const view = server ? (await client.find<{ server: Server }>(signal, `/servers/${server}`))?.server : undefined;
  if (view?.status === "running") await client.act(signal, `/servers/${view.id}/actions/poweroff`);
  await work();
  if (view?.status !== "running") return;
  await client.act(signal, `/servers/${view.id}/actions/poweron`);
  await waitUntilRunning({ client, signal }, view.id);
}

async function reassign(context: Context<Hcloud>, view: View, to: number | undefined): Promise<void> {
  const { client, signal } = context;
  if ((view.assignee_id ?? undefined) === to) return;
  if (view.assignee_id) {
    await whileOff(context, view.assignee_id, () => client.act(signal, `/primary_ips/${view.id}/actions/unassign`));
  }
  if (!to) return;
  const body = { assignee_id: to, assignee_type: "server" };
  await whileOff(context, to, () => client.act(signal, `/primary_ips/${view.id}/actions/assign`, body));
}

async function protect({ client, signal }: Context<Hcloud>, id: number, on: boolean): Promise<void> {
  await client.act(signal, `/primary_ips/${id}/actions/change_protection`, { delete: on });
}

export const PrimaryIp = resource<Hcloud>()({
  inputs: {
    name,
    type: { type: "string", required: true, replace: true },
    location: { type: "string", computed: true, replace: true },
    datacenter: { type: "string", computed: true, refused: "removed by Hetzner; use 'location'" },
    assigneeId: { type: "integer", computed: true },
    assigneeType: { type: "string", computed: true },
    autoDelete: { type: "boolean", assumed: false },
    labels: shownLabels,
    deleteProtection: { type: "boolean", assumed: false },
  },
  outputs: { ipAddress: {}, ipNetwork: {} },
  autoname,
  check: ({ type }) =>
    typeof type !== "string" || type === "ipv4" || type === "ipv6"
      ? []
      : [{ property: "type", reason: `'type' is '${type}'; allowed: ipv4, ipv6` }],
  async create(context: Context<Hcloud>, wanted) {
    const { client, signal } = context;
    const { primary_ip, action } = await client.call<{ primary_ip: View; action?: Action }>(
      signal,
      "POST",
      "/primary_ips",
      {
        name: wanted.name ?? "",
        type: wanted.type,
        auto_delete: wanted.autoDelete,
        labels: wanted.labels,
        assignee_type: wanted.assigneeType ?? "server",
        ...(wanted.assigneeId ? { assignee_id: wanted.assigneeId } : { location: wanted.location }),
      },
    );
    await client.settle(signal, [action]);
    if (wanted.deleteProtection) await protect(context, primary_ip.id, true);
    return { id: String(primary_ip.id), state: stateOf((await get(client, signal, primary_ip.id)) ?? primary_ip) };
  },
  async read({ client, signal }, id) {
    const found = await get(client, signal, apiId(id));
    return found && { id, state: stateOf(found) };
  },
  async update(context, { id, new: wanted, changed }) {
    const { client, signal } = context;
    const body = { name: wanted.name ?? "", labels: wanted.labels, auto_delete: wanted.autoDelete };
    const { primary_ip } = await client.call<{ primary_ip: View }>(signal, "PUT", `/primary_ips/${apiId(id)}`, body);
    if (changed("assigneeId")) await reassign(context, primary_ip, wanted.assigneeId);
    if (changed("deleteProtection")) await protect(context, primary_ip.id, wanted.deleteProtection);
    return stateOf((await get(client, signal, primary_ip.id)) ?? primary_ip);
  },
  async delete(context, id) {
    const { client, signal } = context;
    const view = await get(client, signal, apiId(id));
    if (view === undefined) return;
    if (view.assignee_id) await reassign(context, view, undefined);
    await client.call(signal, "DELETE", `/primary_ips/${view.id}`).catch((error: unknown) => {
      if (!isCode(error, "not_found")) throw error;
    });
  },
});
