/** A server's place in a private network. */
import { type Context, resource } from "../define.ts";
import type { Hcloud } from "./client.ts";
import { apiId } from "./inputs.ts";
import { attach, detach } from "./server-steps.ts";
import type { Server as View } from "./views.ts";

async function read({ client, signal }: Context<Hcloud>, serverId: number, networkId: number) {
  const view = (await client.find<{ server: View }>(signal, `/servers/${serverId}`))?.server;
  const nic = view?.private_net.find((one) => one.network === networkId);
  if (nic === undefined) return undefined;
  const state = { serverId, networkId, ip: nic.ip, aliasIps: nic.alias_ips, macAddress: nic.mac_address };
  return { id: `${serverId}-${networkId}`, state };
}

function place(id: string): [number, number] {
  const [server = "", network = ""] = id.split("-");
  return [apiId(server), apiId(network)];
}

export const ServerNetwork = resource<Hcloud>()({
  inputs: {
    serverId: { type: "integer", required: true, replace: true },
    networkId: { type: "integer", computed: true, replace: true },
    subnetId: { type: "string", replace: true, writeOnly: true },
    ip: { type: "string", computed: true, replace: true },
    aliasIps: { type: { set: "string" }, assumed: [] },
  },
  outputs: { macAddress: {} },
  check: ({ networkId, subnetId }) =>
    networkId === undefined && subnetId === undefined
      ? [{ property: "networkId", reason: "one of 'networkId' and 'subnetId' is required" }]
      : [],
  async create(context: Context<Hcloud>, wanted) {
    const networkId = await attach(context, wanted.serverId, wanted);
    const live = await read(context, wanted.serverId, networkId);
    if (live === undefined) throw new Error(`server ${wanted.serverId} does not show up in network ${networkId}`);
    return live;
  },
  async read(context, id) {
    return read(context, ...place(id));
  },
  async update(context, { id, new: wanted }) {
    const [server, network] = place(id);
    const body = { network, alias_ips: wanted.aliasIps };
    await context.client.act(context.signal, `/servers/${server}/actions/change_alias_ips`, body);
    return (await read(context, server, network))?.state ?? {};
  },
  async delete(context, id) {
    const [server, network] = place(id);
    if ((await read(context, server, network)) === undefined) return;
    await detach(context, server, network);
  },
});
