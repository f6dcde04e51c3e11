/** Servers: creation until they run, and every change the API allows. */
import { createHash } from "node:crypto";
import { type Context, PartlyCreated, resource } from "../define.ts";
import type { Properties } from "../values.ts";
import { ApiError, type Hcloud, isCode } from "./client.ts";
import { apiId, autoname } from "./inputs.ts";
import { type ServerInputs, serverInputs } from "./server-inputs.ts";
import {
  attachInline,
  changeFirewalls,
  changeNetworks,
  changePublicNet,
  creationBody,
  waitUntilRunning,
} from "./server-steps.ts";
import type { Action, Server as View } from "./views.ts";

/** The state keeps a digest of the user data, as the official provider does; the text itself is in the inputs only. */
function digest(userData: string): string {
  return createHash("sha1").update(userData).digest("base64");
}

function stateOf(view: View, networks: boolean, image?: string): Properties {
  const { ipv4, ipv6, firewalls } = view.public_net;
  const network6 = ipv6?.ip ?? "";
  const isId = view.image !== null && (view.image.name === null || image === String(view.image.id));
  return {
    name: view.name,
    serverType: view.server_type.name,
    image: view.image === null ? undefined : isId ? String(view.image.id) : (view.image.name ?? ""),
    location: view.location.name,
    datacenter: view.datacenter?.name,
    status: view.status,
    ipv4Address: ipv4?.ip ?? "",
    ipv6Address: network6 === "" ? "" : `${network6.replace(/\/\d+$/, "")}1`,
    ipv6Network: network6,
    backups: (view.backup_window ?? "") !== "",
    backupWindow: view.backup_window ?? "",
    labels: view.labels,
    deleteProtection: view.protection.delete,
    rebuildProtection: view.protection.rebuild,
    firewallIds: firewalls.map((one) => one.id),
    primaryDiskSize: view.primary_disk_size,
    networks: networks
      ? view.private_net.map((one) => ({
          networkId: one.network,
          ip: one.ip,
          aliasIps: one.alias_ips,
          macAddress: one.mac_address,
        }))
      : undefined,
  };
}

async function get(client: Hcloud, signal: AbortSignal, id: number): Promise<View | undefined> {
  return (await client.find<{ server: View }>(signal, `/servers/${id}`))?.server;
}

async function existing(client: Hcloud, signal: AbortSignal, id: number): Promise<View> {
  const view = await get(client, signal, id);
  if (view === undefined) throw new Error(`server ${id} no longer exists; run pulumi refresh`);
  return view;
}

/** State after creation or change; subnets are the program's word, the API does not tell them. */
function described(view: View, wanted: ServerInputs): Properties {
  const state = stateOf(view, wanted.networks !== undefined, wanted.image);
  return wanted.userData === undefined ? state : { ...state, userData: digest(wanted.userData) };
}

interface Created {
  server: View;
  action: Action;
  next_actions: Action[];
}

async function create(context: Context<Hcloud>, wanted: ServerInputs) {
  const { client, signal } = context;
  const body = await creationBody(context, wanted);
  const { server, action, next_actions } = await client.call<Created>(signal, "POST", "/servers", body);
  const id = String(server.id);
  try {
    await client.settle(signal, [action]);
    await client.settle(signal, next_actions);
    await attachInline(context, server.id, wanted);
    if (wanted.backups) await client.act(signal, `/servers/${id}/actions/enable_backup`);
    if (wanted.deleteProtection || wanted.rebuildProtection) await protect(context, server.id, wanted);
    if (body.start_after_create !== false || wanted.networks !== undefined) await waitUntilRunning(context, server.id);
    return { id, state: described(await existing(client, signal, server.id), wanted) };
  } catch (error) {
    // It exists: the state has to know it, or nobody would ever remove it.
    const view = signal.aborted ? undefined : await get(client, signal, server.id).catch(() => undefined);
    const reason = error instanceof Error ? error.message : String(error);
    throw new PartlyCreated({ id, state: described(view ?? server, wanted) }, reason);
  }
}

async function protect({ client, signal }: Context<Hcloud>, id: number, wanted: ServerInputs): Promise<void> {
  const body = { delete: wanted.deleteProtection, rebuild: wanted.rebuildProtection };
  await client.act(signal, `/servers/${id}/actions/change_protection`, body);
}

/** Off, another type, and on again: the last by the API itself. */
async function changeType({ client, signal }: Context<Hcloud>, view: View, wanted: ServerInputs): Promise<void> {
  if (view.status === "running") await client.act(signal, `/servers/${view.id}/actions/poweroff`);
  const body = { server_type: wanted.serverType, upgrade_disk: !wanted.keepDisk };
  await client.act(signal, `/servers/${view.id}/actions/change_type`, body);
}

export const Server = resource<Hcloud>()({
  inputs: serverInputs,
  outputs: {
    backupWindow: {},
    ipv4Address: {},
    ipv6Address: {},
    ipv6Network: {},
    primaryDiskSize: {},
    status: {},
  },
  autoname,
  missing: "inline `networks` take `networkId`, not `subnetId` alone",
  check: ({ image }) =>
    image === undefined ? [{ property: "image", reason: "Missing required property 'image'" }] : [],
  create,
  async read({ client, signal }, id, state) {
    const view = await get(client, signal, apiId(id));
    const image = typeof state.image === "string" ? state.image : undefined;
    return view && { id, state: stateOf(view, state.networks !== undefined || state.name === undefined, image) };
  },
  async update(context, { id, old, new: wanted, changed }) {
    const { client, signal } = context;
    const view = await existing(client, signal, apiId(id));
    if (changed("name") || changed("labels")) {
      const body = {
        ...(changed("name") ? { name: wanted.name ?? "" } : {}),
        ...(changed("labels") ? { labels: wanted.labels ?? {} } : {}),
      };
      await client.call(signal, "PUT", `/servers/${view.id}`, body);
    }
    if (changed("serverType")) await changeType(context, view, wanted);
    if (changed("backups")) {
      await client.act(signal, `/servers/${view.id}/actions/${wanted.backups ? "enable" : "disable"}_backup`);
    }
    if (changed("networks")) await changeNetworks(context, view, wanted);
    if (changed("firewallIds") && wanted.firewallIds) await changeFirewalls(context, view, wanted.firewallIds);
    if (changed("publicNets")) await changePublicNet(context, view, old, wanted);
    if (changed("deleteProtection") || changed("rebuildProtection")) await protect(context, view.id, wanted);
    return described(await existing(client, signal, view.id), wanted);
  },
  async delete(context, id, state) {
    const { client, signal } = context;
    try {
      if (state.shutdownBeforeDeletion === true) await client.act(signal, `/servers/${apiId(id)}/actions/shutdown`);
      const { action } = await client.call<{ action?: Action }>(signal, "DELETE", `/servers/${apiId(id)}`);
      await client.settle(signal, [action]);
    } catch (error) {
      if (!(error instanceof ApiError) || !isCode(error, "not_found")) throw error;
    }
  },
});
