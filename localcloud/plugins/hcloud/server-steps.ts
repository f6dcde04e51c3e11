/** The single steps of making and changing a server. */
import { setTimeout as pause } from "node:timers/promises";
import type { Context } from "../define.ts";
import type { Json } from "../values.ts";
import { type Hcloud, isCode } from "./client.ts";
import type { ServerInputs } from "./server-inputs.ts";
import type { Image, PrimaryIp, ServerType, SshKey, Server as View } from "./views.ts";

type Step = Context<Hcloud>;

const WAIT_MS = 5 * 60_000;
const POLL_MS = 150;

/** Body of the creation: names are looked up first, so that a wrong one is told by name. */
export async function creationBody(context: Step, wanted: ServerInputs): Promise<{ [name: string]: Json }> {
  const type = await typeNamed(context, wanted.serverType);
  const [net] = wanted.publicNets ?? [];
  const hidden = net !== undefined && !net.ipv4Enabled && !net.ipv6Enabled && !net.ipv4 && !net.ipv6;
  return {
    name: wanted.name ?? "",
    server_type: wanted.serverType,
    image: await imageId(context, wanted.image ?? "", type.architecture),
    ssh_keys: await keyIds(context, wanted.sshKeys ?? []),
    ...(wanted.location === undefined ? {} : { location: wanted.location }),
    ...(wanted.userData === undefined ? {} : { user_data: wanted.userData }),
    ...(wanted.labels === undefined ? {} : { labels: wanted.labels }),
    ...(wanted.firewallIds === undefined ? {} : { firewalls: wanted.firewallIds.map((firewall) => ({ firewall })) }),
    ...(net === undefined
      ? {}
      : {
          public_net: {
            enable_ipv4: net.ipv4Enabled || net.ipv4 !== undefined,
            enable_ipv6: net.ipv6Enabled || net.ipv6 !== undefined,
            ...(net.ipv4 ? { ipv4: net.ipv4 } : {}),
            ...(net.ipv6 ? { ipv6: net.ipv6 } : {}),
          },
        }),
    ...(hidden ? { start_after_create: false } : {}),
  };
}

async function typeNamed({ client, signal }: Step, name: string): Promise<ServerType> {
  const path = `/server_types?name=${encodeURIComponent(name)}`;
  const { server_types } = await client.call<{ server_types: ServerType[] }>(signal, "GET", path);
  const [type] = server_types;
  if (type === undefined) throw new Error(`server type ${name} not found`);
  return type;
}

async function imageId({ client, signal }: Step, nameOrId: string, architecture: string): Promise<number> {
  if (/^\d+$/.test(nameOrId)) {
    const found = await client.find<{ image: Image }>(signal, `/images/${nameOrId}`);
    if (found !== undefined) return found.image.id;
  }
  const query = `name=${encodeURIComponent(nameOrId)}&architecture=${architecture}&include_deprecated=true`;
  const { images } = await client.call<{ images: Image[] }>(signal, "GET", `/images?${query}`);
  const [image] = images;
  if (image === undefined) throw new Error(`image ${nameOrId} for architecture ${architecture} not found`);
  return image.id;
}

async function keyIds({ client, signal }: Step, namesOrIds: readonly string[]): Promise<number[]> {
  const ids: number[] = [];
  for (const nameOrId of namesOrIds) {
    const byId = /^\d+$/.test(nameOrId)
      ? (await client.find<{ ssh_key: SshKey }>(signal, `/ssh_keys/${nameOrId}`))?.ssh_key
      : undefined;
    const query = `/ssh_keys?name=${encodeURIComponent(nameOrId)}`;
    const key = byId ?? (await client.call<{ ssh_keys: SshKey[] }>(signal, "GET", query)).ssh_keys[0];
    if (key === undefined) throw new Error(`SSH key ${nameOrId} not found`);
    ids.push(key.id);
  }
  return ids;
}

/** Networks named in the server itself are attached once it runs; without a public address it starts only then. */
export async function attachInline(context: Step, id: number, wanted: ServerInputs): Promise<void> {
  for (const nic of wanted.networks ?? []) await attach(context, id, nic);
  const [net] = wanted.publicNets ?? [];
  const hidden = net !== undefined && !net.ipv4Enabled && !net.ipv6Enabled && !net.ipv4 && !net.ipv6;
  if (hidden && wanted.networks) await context.client.act(context.signal, `/servers/${id}/actions/poweron`);
}

interface Nic {
  networkId?: number;
  subnetId?: string;
  ip?: string;
  aliasIps?: string[];
}

/** Attaches a server to a network, patiently: another action on either of them may be under way. */
export async function attach({ client, signal }: Step, id: number, nic: Nic): Promise<number> {
  const [, network = "", range] = /^(\d+)-(.+)$/.exec(nic.subnetId ?? "") ?? [];
  const networkId = nic.networkId ?? Number(network);
  const body = {
    network: networkId,
    ...(nic.ip ? { ip: nic.ip } : {}),
    ...(nic.aliasIps && nic.aliasIps.length > 0 ? { alias_ips: nic.aliasIps } : {}),
    ...(range ? { ip_range: range } : {}),
  };
  const passing = ["conflict", "locked", "service_error", "no_subnet_available"];
  const call = () => client.act(signal, `/servers/${id}/actions/attach_to_network`, body);
  await client.insist(signal, passing, call).catch((error: unknown) => {
    if (!isCode(error, "server_already_attached")) throw error;
  });
  return networkId;
}

/** Takes a server out of a network. */
export async function detach({ client, signal }: Step, id: number, network: number): Promise<void> {
  const call = () => client.act(signal, `/servers/${id}/actions/detach_from_network`, { network });
  await client.insist(signal, ["conflict", "locked"], call).catch((error: unknown) => {
    if (!isCode(error, "not_found")) throw error;
  });
}

/** Brings the server's networks to what the program says. */
export async function changeNetworks(context: Step, view: View, wanted: ServerInputs): Promise<void> {
  const nics: Nic[] = wanted.networks ?? [];
  for (const present of view.private_net) {
    const stays = nics.some((nic) => nic.networkId === present.network && (nic.ip ?? present.ip) === present.ip);
    if (!stays) await detach(context, view.id, present.network);
  }
  for (const nic of nics) {
    const present = view.private_net.find((one) => one.network === nic.networkId);
    if (present === undefined || (nic.ip ?? present.ip) !== present.ip) await attach(context, view.id, nic);
    else if ([...present.alias_ips].sort().join() !== [...(nic.aliasIps ?? [])].sort().join()) {
      const body = { network: present.network, alias_ips: nic.aliasIps ?? [] };
      await context.client.act(context.signal, `/servers/${view.id}/actions/change_alias_ips`, body);
    }
  }
}

/** Brings the server's firewalls to what the program says. */
export async function changeFirewalls({ client, signal }: Step, view: View, wanted: readonly number[]): Promise<void> {
  const present = view.public_net.firewalls.map((one) => one.id);
  const body = [{ type: "server", server: { id: view.id } }];
  for (const id of present.filter((one) => !wanted.includes(one))) {
    await client.act(signal, `/firewalls/${id}/actions/remove_from_resources`, { remove_from: body });
  }
  for (const id of wanted.filter((one) => !present.includes(one))) {
    await client.act(signal, `/firewalls/${id}/actions/apply_to_resources`, { apply_to: body });
  }
}

/** Other public addresses: the server is off while they change. */
export async function changePublicNet(
  context: Step,
  view: View,
  old: ServerInputs,
  wanted: ServerInputs,
): Promise<void> {
  const { client, signal } = context;
  const [before] = old.publicNets ?? [];
  const [after] = wanted.publicNets ?? [];
  if (view.status === "running") await client.act(signal, `/servers/${view.id}/actions/poweroff`);
  for (const kind of ["ipv4", "ipv6"] as const) {
    const present = view.public_net[kind]?.id;
    const enabled = after?.[`${kind}Enabled`] ?? true;
    const address = after?.[kind];
    const keeps = enabled && (address === undefined ? before?.[kind] === undefined : address === present);
    if (present !== undefined && !keeps) await client.act(signal, `/primary_ips/${present}/actions/unassign`);
    if (!enabled || (present !== undefined && keeps)) continue;
    const id = address ?? (await freshAddress(context, view, kind));
    await client.act(signal, `/primary_ips/${id}/actions/assign`, { assignee_id: view.id, assignee_type: "server" });
  }
  await client.act(signal, `/servers/${view.id}/actions/poweron`);
  await waitUntilRunning(context, view.id);
}

async function freshAddress({ client, signal }: Step, view: View, type: "ipv4" | "ipv6"): Promise<number> {
  const body = {
    name: `primary_ip-${view.id}-${type}`,
    type,
    auto_delete: true,
    assignee_type: "server",
    location: view.location.name,
  };
  const { primary_ip } = await client.call<{ primary_ip: PrimaryIp }>(signal, "POST", "/primary_ips", body);
  return primary_ip.id;
}

/** A server is made when it runs. */
export async function waitUntilRunning({ client, signal }: Pick<Step, "client" | "signal">, id: number): Promise<void> {
  const until = Date.now() + WAIT_MS;
  for (;;) {
    const { server } = await client.call<{ server: View }>(signal, "GET", `/servers/${id}`);
    if (server.status === "running") return;
    if (Date.now() > until)
      throw new Error(`server ${id} is '${server.status}' after ${WAIT_MS / 1000} s, not running`);
    await pause(POLL_MS, undefined, { signal });
  }
}
