/** Volumes, and their attachment to servers. */
import { type Context, resource } from "../define.ts";
import type { Properties } from "../values.ts";
import { type Hcloud, isCode } from "./client.ts";
import { apiId, autoname, flag, labels, name } from "./inputs.ts";
import type { Action, Volume as View } from "./views.ts";

function stateOf(view: View): Properties {
  return {
    name: view.name,
    size: view.size,
    location: view.location.name,
    serverId: view.server ?? 0,
    labels: view.labels,
    linuxDevice: view.linux_device,
    deleteProtection: view.protection.delete,
  };
}

async function get(client: Hcloud, signal: AbortSignal, id: number): Promise<View | undefined> {
  return (await client.find<{ volume: View }>(signal, `/volumes/${id}`))?.volume;
}

async function protect({ client, signal }: Context<Hcloud>, id: number, on: boolean): Promise<void> {
  await client.act(signal, `/volumes/${id}/actions/change_protection`, { delete: on });
}

async function attach({ client, signal }: Context<Hcloud>, id: number, server: number, automount?: boolean) {
  const body = { server, ...(automount === undefined ? {} : { automount }) };
  await client.insist(signal, ["locked"], () => client.act(signal, `/volumes/${id}/actions/attach`, body));
}

async function detach({ client, signal }: Context<Hcloud>, id: number): Promise<void> {
  const view = await get(client, signal, id);
  if (!view?.server) return;
  await client.insist(signal, ["locked"], () => client.act(signal, `/volumes/${id}/actions/detach`, {}));
}

interface Created {
  volume: View;
  action?: Action;
  next_actions?: Action[];
}

export const Volume = resource<Hcloud>()({
  inputs: {
    name,
    size: { type: "integer", required: true },
    location: { type: "string", computed: true, replace: true },
    serverId: { type: "integer", computed: true },
    automount: { type: "boolean", writeOnly: true },
    format: { type: "string", writeOnly: true },
    labels,
    deleteProtection: flag,
  },
  outputs: { linuxDevice: {} },
  autoname,
  check: ({ location, serverId }) =>
    location === undefined && serverId === undefined
      ? [{ property: "location", reason: "one of 'location' and 'serverId' is required" }]
      : [],
  async create(context: Context<Hcloud>, wanted) {
    const { client, signal } = context;
    const { volume, action, next_actions } = await client.call<Created>(signal, "POST", "/volumes", {
      name: wanted.name ?? "",
      size: wanted.size,
      ...(wanted.serverId ? { server: wanted.serverId } : { location: wanted.location }),
      ...(wanted.automount === undefined ? {} : { automount: wanted.automount }),
      ...(wanted.format === undefined ? {} : { format: wanted.format }),
      ...(wanted.labels === undefined ? {} : { labels: wanted.labels }),
    });
    await client.settle(signal, [action]);
    await client.settle(signal, next_actions ?? []);
    if (wanted.deleteProtection) await protect(context, volume.id, true);
    return { id: String(volume.id), state: stateOf((await get(client, signal, volume.id)) ?? volume) };
  },
  async read({ client, signal }, id) {
    const found = await get(client, signal, apiId(id));
    return found && { id, state: stateOf(found) };
  },
  async update(context, { id, new: wanted, changed }) {
    const { client, signal } = context;
    const number = apiId(id);
    if (changed("name") || changed("labels")) {
      await client.call(signal, "PUT", `/volumes/${number}`, { name: wanted.name ?? "", labels: wanted.labels ?? {} });
    }
    if (changed("serverId")) {
      await detach(context, number);
      if (wanted.serverId) await attach(context, number, wanted.serverId, wanted.automount);
    }
    if (changed("size")) await client.act(signal, `/volumes/${number}/actions/resize`, { size: wanted.size });
    if (changed("deleteProtection")) await protect(context, number, wanted.deleteProtection);
    const now = await get(client, signal, number);
    return now === undefined ? {} : stateOf(now);
  },
  async delete(context, id) {
    const { client, signal } = context;
    const number = apiId(id);
    await detach(context, number);
    const call = () => client.call(signal, "DELETE", `/volumes/${number}`);
    await client.insist(signal, ["locked"], call).catch((error: unknown) => {
      if (!isCode(error, "not_found")) throw error;
    });
  },
});

export const VolumeAttachment = resource<Hcloud>()({
  inputs: {
    volumeId: { type: "integer", required: true, replace: true },
    serverId: { type: "integer", required: true, replace: true },
    automount: { type: "boolean", computed: true, replace: true, writeOnly: true },
  },
  outputs: {},
  async create(context: Context<Hcloud>, { volumeId, serverId, automount }) {
    await attach(context, volumeId, serverId, automount);
    return { id: String(volumeId), state: { volumeId, serverId, automount: automount ?? false } };
  },
  async read({ client, signal }, id) {
    const view = await get(client, signal, apiId(id));
    return view?.server ? { id, state: { volumeId: view.id, serverId: view.server } } : undefined;
  },
  async delete(context, id) {
    await detach(context, apiId(id));
  },
});
