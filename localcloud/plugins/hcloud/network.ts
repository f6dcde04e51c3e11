/** Private networks and their subnets. */
import { resource } from "../define.ts";
import { type Hcloud, isCode } from "./client.ts";
import { apiId, autoname, flag, labels, name } from "./inputs.ts";
import type { Network as View } from "./views.ts";

function stateOf(view: View) {
  return {
    name: view.name,
    ipRange: view.ip_range,
    labels: view.labels,
    deleteProtection: view.protection.delete,
    exposeRoutesToVswitch: view.expose_routes_to_vswitch,
  };
}

async function get(client: Hcloud, signal: AbortSignal, id: number): Promise<View | undefined> {
  return (await client.find<{ network: View }>(signal, `/networks/${id}`))?.network;
}

async function protect(client: Hcloud, signal: AbortSignal, id: number, on: boolean): Promise<void> {
  await client.act(signal, `/networks/${id}/actions/change_protection`, { delete: on });
}

export const Network = resource<Hcloud>()({
  inputs: {
    name,
    ipRange: { type: "string", required: true, replace: true },
    labels,
    deleteProtection: flag,
    exposeRoutesToVswitch: flag,
  },
  outputs: {},
  autoname,
  async create({ client, signal }, wanted) {
    const { network } = await client.call<{ network: View }>(signal, "POST", "/networks", {
      name: wanted.name ?? "",
      ip_range: wanted.ipRange,
      expose_routes_to_vswitch: wanted.exposeRoutesToVswitch,
      ...(wanted.labels === undefined ? {} : { labels: wanted.labels }),
    });
    if (wanted.deleteProtection) await protect(client, signal, network.id, true);
    return { id: String(network.id), state: { ...stateOf(network), deleteProtection: wanted.deleteProtection } };
  },
  async read({ client, signal }, id) {
    const network = await get(client, signal, apiId(id));
    return network && { id, state: stateOf(network) };
  },
  async update({ client, signal }, { id, new: wanted, changed }) {
    const body = {
      name: wanted.name ?? "",
      labels: wanted.labels ?? {},
      expose_routes_to_vswitch: wanted.exposeRoutesToVswitch,
    };
    const { network } = await client.call<{ network: View }>(signal, "PUT", `/networks/${apiId(id)}`, body);
    if (changed("deleteProtection")) await protect(client, signal, network.id, wanted.deleteProtection);
    return { ...stateOf(network), deleteProtection: wanted.deleteProtection };
  },
  async delete({ client, signal }, id) {
    const remove = () => client.call(signal, "DELETE", `/networks/${apiId(id)}`);
    await client.insist(signal, ["conflict", "locked", "resource_in_use"], remove).catch((error: unknown) => {
      if (!isCode(error, "not_found")) throw error;
    });
  },
});

/** `<network id>-<CIDR>` */
function subnetId(networkId: number, ipRange: string): string {
  return `${networkId}-${ipRange}`;
}

async function subnet(client: Hcloud, signal: AbortSignal, id: string) {
  const [, network = "", ipRange = ""] = /^(\d+)-(.+)$/.exec(id) ?? [];
  const found = (await get(client, signal, apiId(network)))?.subnets.find((one) => one.ip_range === ipRange);
  if (found === undefined) return undefined;
  const state = {
    networkId: apiId(network),
    type: found.type,
    networkZone: found.network_zone,
    ipRange: found.ip_range,
    gateway: found.gateway,
  };
  return { id, state: found.vswitch_id ? { ...state, vswitchId: found.vswitch_id } : state };
}

export const NetworkSubnet = resource<Hcloud>()({
  inputs: {
    networkId: { type: "integer", required: true, replace: true },
    type: { type: "string", required: true, replace: true },
    networkZone: { type: "string", required: true, replace: true },
    ipRange: { type: "string", required: true, replace: true },
    vswitchId: { type: "integer", replace: true },
  },
  outputs: { gateway: {} },
  check: ({ type }) =>
    typeof type !== "string" || ["cloud", "server", "vswitch"].includes(type)
      ? []
      : [{ property: "type", reason: `'type' is '${type}'; allowed: cloud, server, vswitch` }],
  async create({ client, signal }, wanted) {
    const add = () =>
      client.act(signal, `/networks/${wanted.networkId}/actions/add_subnet`, {
        type: wanted.type,
        ip_range: wanted.ipRange,
        network_zone: wanted.networkZone,
        ...(wanted.vswitchId === undefined ? {} : { vswitch_id: wanted.vswitchId }),
      });
    await client.insist(signal, ["conflict"], add);
    const made = await subnet(client, signal, subnetId(wanted.networkId, wanted.ipRange));
    if (made === undefined) throw new Error(`subnet ${wanted.ipRange} does not show up in network ${wanted.networkId}`);
    return made;
  },
  async read({ client, signal }, id) {
    return subnet(client, signal, id);
  },
  async delete({ client, signal }, id) {
    const [, network = "", ipRange = ""] = /^(\d+)-(.+)$/.exec(id) ?? [];
    const remove = () => client.act(signal, `/networks/${apiId(network)}/actions/delete_subnet`, { ip_range: ipRange });
    const passing = ["conflict", "locked", "service_error"];
    await client.insist(signal, passing, remove, 50).catch((error: unknown) => {
      if (!isCode(error, "not_found")) throw error;
    });
  },
});
