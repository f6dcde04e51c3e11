/** Names that addresses point back to. */
import { type Context, resource } from "../define.ts";
import type { Properties } from "../values.ts";
import { type Hcloud, isCode } from "./client.ts";
import { apiId } from "./inputs.ts";
import type { PrimaryIp, Server } from "./views.ts";

const notHere = "the stand-in knows reverse DNS of servers and primary IPs";

type Owner = { letter: "s" | "p"; id: number };

function ownerOf({ serverId, primaryIpId }: { serverId?: number; primaryIpId?: number }): Owner {
  return serverId === undefined ? { letter: "p", id: primaryIpId ?? 0 } : { letter: "s", id: serverId };
}

function pathOf({ letter, id }: Owner): string {
  return letter === "s" ? `/servers/${id}` : `/primary_ips/${id}`;
}

function parts(id: string): { owner: Owner; ip: string } {
  const [, letter, number = "", ip = ""] = /^([sp])-(\d+)-(.+)$/.exec(id) ?? [];
  if (letter !== "s" && letter !== "p")
    throw new Error(`'${id}' is not of the form s-<server id>-<address> or p-<primary IP id>-<address>`);
  return { owner: { letter, id: apiId(number) }, ip };
}

async function pointer({ client, signal }: Context<Hcloud>, owner: Owner, ip: string): Promise<string | undefined> {
  const found = await client.find<{ server?: Server; primary_ip?: PrimaryIp }>(signal, pathOf(owner));
  const { ipv4, ipv6 } = found?.server?.public_net ?? {};
  if (ipv4?.ip === ip) return ipv4.dns_ptr;
  const all = [...(ipv6?.dns_ptr ?? []), ...(found?.primary_ip?.dns_ptr ?? [])];
  return all.find((one) => one.ip === ip)?.dns_ptr;
}

async function change(
  { client, signal }: Context<Hcloud>,
  owner: Owner,
  ip: string,
  name: string | null,
): Promise<void> {
  const call = () => client.act(signal, `${pathOf(owner)}/actions/change_dns_ptr`, { ip, dns_ptr: name });
  await client.insist(signal, ["locked", "conflict"], call);
}

export const Rdns = resource<Hcloud>()({
  inputs: {
    serverId: { type: "integer", replace: true },
    primaryIpId: { type: "integer", replace: true },
    floatingIpId: { type: "integer", refused: notHere },
    loadBalancerId: { type: "integer", refused: notHere },
    ipAddress: { type: "string", required: true, replace: true },
    dnsPtr: { type: "string", required: true },
  },
  outputs: {},
  check: ({ serverId, primaryIpId }) =>
    (serverId === undefined) === (primaryIpId === undefined)
      ? [{ property: "serverId", reason: "exactly one of 'serverId' and 'primaryIpId' is required" }]
      : [],
  async create(context: Context<Hcloud>, wanted) {
    const owner = ownerOf(wanted);
    await change(context, owner, wanted.ipAddress, wanted.dnsPtr);
    return { id: `${owner.letter}-${owner.id}-${wanted.ipAddress}`, state: {} };
  },
  async read(context, id) {
    const { owner, ip } = parts(id);
    const dnsPtr = await pointer(context, owner, ip);
    if (!dnsPtr) return undefined;
    const state: Properties = {
      ipAddress: ip,
      dnsPtr,
      ...(owner.letter === "s" ? { serverId: owner.id } : { primaryIpId: owner.id }),
    };
    return { id, state };
  },
  async update(context, { id, new: wanted }) {
    const { owner, ip } = parts(id);
    await change(context, owner, ip, wanted.dnsPtr);
    return {};
  },
  async delete(context, id) {
    const { owner, ip } = parts(id);
    await change(context, owner, ip, null).catch((error: unknown) => {
      if (!isCode(error, "not_found")) throw error;
    });
  },
});
