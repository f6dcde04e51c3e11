/** Provider firewalls, and what they are applied to. */
import { isIP } from "node:net";
import { type InputsOf, resource } from "../define.ts";
import type { Properties } from "../values.ts";
import { type Hcloud, isCode } from "./client.ts";
import { apiId, autoname, name, numbers, strings } from "./inputs.ts";
import type { AppliedTo, Firewall as View } from "./views.ts";

const rule = {
  direction: { type: "string", required: true },
  protocol: { type: "string", required: true },
  port: { type: "string" },
  sourceIps: { type: { set: "string" } },
  destinationIps: { type: { set: "string" } },
  description: { type: "string" },
} as const;

const target = { server: { type: "integer" }, labelSelector: { type: "string" } } as const;

const inputs = {
  name,
  labels: { type: { map: "string" }, computed: true },
  rules: { type: { set: { object: rule } } },
  applyTos: { type: { set: { object: target } }, computed: true },
} as const;

type Wanted = InputsOf<typeof inputs>;
type Target = { server?: number; labelSelector?: string };

const DIRECTIONS = ["in", "out"];
const PROTOCOLS = ["tcp", "udp", "icmp", "esp", "gre"];

function checkRules({ rules }: Properties): { property: string; reason: string }[] {
  const wrong: { property: string; reason: string }[] = [];
  const list: unknown[] = Array.isArray(rules) ? rules : [];
  list.forEach((item, index) => {
    const { direction, protocol, port }: Record<string, unknown> =
      typeof item === "object" && item !== null ? { ...item } : {};
    const at = `rules[${index}]`;
    if (typeof direction === "string" && !DIRECTIONS.includes(direction)) {
      wrong.push({ property: `${at}.direction`, reason: `${direction} is not a valid direction; allowed: in, out` });
    }
    if (typeof protocol !== "string") return;
    if (!PROTOCOLS.includes(protocol)) {
      const reason = `${protocol} is not a valid protocol; allowed: ${PROTOCOLS.join(", ")}`;
      wrong.push({ property: `${at}.protocol`, reason });
    } else if (["tcp", "udp"].includes(protocol) && port === undefined) {
      wrong.push({ property: `${at}.port`, reason: `'port' is required with protocol ${protocol}` });
    }
  });
  return wrong;
}

/** Addresses as networks, lower case, as the official provider sends them. */
function network(address: string): string {
  if (isIP(address) === 4) return `${address}/32`;
  return isIP(address) === 6 ? `${address.toLowerCase()}/128` : address.toLowerCase();
}

function ruleBodies(rules: Wanted["rules"] = []) {
  return rules.map(({ direction, protocol, port, sourceIps, destinationIps, description }) => ({
    direction,
    protocol,
    ...(port === undefined ? {} : { port }),
    ...(sourceIps === undefined ? {} : { source_ips: sourceIps.map(network) }),
    ...(destinationIps === undefined ? {} : { destination_ips: destinationIps.map(network) }),
    ...(description === undefined ? {} : { description }),
  }));
}

function resourceBodies(targets: readonly Target[]) {
  return targets.map(({ server, labelSelector }) =>
    server === undefined
      ? { type: "label_selector", label_selector: { selector: labelSelector ?? "" } }
      : { type: "server", server: { id: server } },
  );
}

function targetsOf(applied: readonly AppliedTo[]): Target[] {
  return applied.map(({ server, label_selector }) =>
    server === undefined ? { labelSelector: label_selector?.selector ?? "" } : { server: server.id },
  );
}

function stateOf(view: View): Properties {
  return {
    name: view.name,
    labels: view.labels,
    rules: view.rules.map((one) => ({
      direction: one.direction,
      protocol: one.protocol,
      ...(one.port ? { port: one.port } : {}),
      sourceIps: one.source_ips,
      destinationIps: one.destination_ips,
      ...(one.description ? { description: one.description } : {}),
    })),
    applyTos: targetsOf(view.applied_to),
  };
}

async function get(client: Hcloud, signal: AbortSignal, id: number): Promise<View | undefined> {
  return (await client.find<{ firewall: View }>(signal, `/firewalls/${id}`))?.firewall;
}

async function apply(client: Hcloud, signal: AbortSignal, id: number, targets: readonly Target[]): Promise<void> {
  if (targets.length === 0) return;
  const path = `/firewalls/${id}/actions/apply_to_resources`;
  await client.act(signal, path, { apply_to: resourceBodies(targets) }).catch((error: unknown) => {
    if (!isCode(error, "firewall_already_applied")) throw error;
  });
}

async function remove(client: Hcloud, signal: AbortSignal, id: number, targets: readonly Target[]): Promise<void> {
  if (targets.length === 0) return;
  const path = `/firewalls/${id}/actions/remove_from_resources`;
  const call = () => client.act(signal, path, { remove_from: resourceBodies(targets) });
  await client.insist(signal, ["conflict", "locked"], call).catch((error: unknown) => {
    if (!isCode(error, "firewall_resource_not_found") && !isCode(error, "not_found")) throw error;
  });
}

function without(targets: readonly Target[], others: readonly Target[]): Target[] {
  const key = ({ server, labelSelector }: Target) => `${server ?? ""}|${labelSelector ?? ""}`;
  const known = new Set(others.map(key));
  return targets.filter((one) => !known.has(key(one)));
}

export const Firewall = resource<Hcloud>()({
  inputs,
  outputs: {},
  autoname,
  check: checkRules,
  async create({ client, signal }, wanted) {
    const { firewall, actions } = await client.call<{ firewall: View; actions?: [] }>(signal, "POST", "/firewalls", {
      name: wanted.name ?? "",
      rules: ruleBodies(wanted.rules),
      ...(wanted.labels === undefined ? {} : { labels: wanted.labels }),
      ...(wanted.applyTos === undefined ? {} : { apply_to: resourceBodies(wanted.applyTos) }),
    });
    await client.settle(signal, actions ?? []);
    return { id: String(firewall.id), state: stateOf((await get(client, signal, firewall.id)) ?? firewall) };
  },
  async read({ client, signal }, id) {
    const found = await get(client, signal, apiId(id));
    return found && { id, state: stateOf(found) };
  },
  async update({ client, signal }, { id, new: wanted, changed }) {
    const number = apiId(id);
    if (changed("name") || changed("labels")) {
      const body = { name: wanted.name ?? "", ...(wanted.labels === undefined ? {} : { labels: wanted.labels }) };
      await client.call(signal, "PUT", `/firewalls/${number}`, body);
    }
    if (changed("rules")) {
      await client.act(signal, `/firewalls/${number}/actions/set_rules`, { rules: ruleBodies(wanted.rules) });
    }
    const now = await get(client, signal, number);
    if (now === undefined) throw new Error(`firewall ${id} no longer exists; run pulumi refresh`);
    if (!changed("applyTos")) return stateOf(now);
    const present = targetsOf(now.applied_to);
    await remove(client, signal, number, without(present, wanted.applyTos ?? []));
    await apply(client, signal, number, without(wanted.applyTos ?? [], present));
    return stateOf((await get(client, signal, number)) ?? now);
  },
  async delete({ client, signal }, id) {
    const number = apiId(id);
    const now = await get(client, signal, number);
    if (now === undefined) return;
    await remove(client, signal, number, targetsOf(now.applied_to));
    const call = () => client.call(signal, "DELETE", `/firewalls/${number}`);
    await client.insist(signal, ["conflict", "resource_in_use"], call).catch((error: unknown) => {
      if (!isCode(error, "not_found")) throw error;
    });
  },
});

function attached(view: View, wanted: { servers: number[]; selectors: string[] } | undefined): Properties {
  const present = targetsOf(view.applied_to);
  const servers = present.flatMap(({ server }) => (server === undefined ? [] : [server]));
  const selectors = present.flatMap(({ labelSelector }) => (labelSelector === undefined ? [] : [labelSelector]));
  const mine = <T>(all: T[], known: T[] | undefined) =>
    known === undefined ? all : all.filter((one) => known.includes(one));
  const serverIds = mine(servers, wanted?.servers);
  const labelSelectors = mine(selectors, wanted?.selectors);
  return {
    firewallId: view.id,
    ...(serverIds.length > 0 ? { serverIds } : { serverIds: undefined }),
    ...(labelSelectors.length > 0 ? { labelSelectors } : { labelSelectors: undefined }),
  };
}

function targets(serverIds: number[] = [], labelSelectors: string[] = []): Target[] {
  return [...serverIds.map((server) => ({ server })), ...labelSelectors.map((labelSelector) => ({ labelSelector }))];
}

export const FirewallAttachment = resource<Hcloud>()({
  inputs: {
    firewallId: { type: "integer", required: true, replace: true },
    serverIds: { type: { set: "integer" } },
    labelSelectors: { type: { set: "string" } },
  },
  outputs: {},
  async create({ client, signal }, { firewallId, serverIds, labelSelectors }) {
    await apply(client, signal, firewallId, targets(serverIds, labelSelectors));
    return { id: String(firewallId), state: { firewallId, serverIds, labelSelectors } };
  },
  async read({ client, signal }, id, state, inputs) {
    const found = await get(client, signal, apiId(id));
    if (found === undefined) return undefined;
    const known = { servers: numbers(state.serverIds), selectors: strings(state.labelSelectors) };
    const now = attached(found, inputs === undefined ? undefined : known);
    const gone = now.serverIds === undefined && now.labelSelectors === undefined;
    return gone ? undefined : { id, state: now };
  },
  async update({ client, signal }, { id, state, new: wanted }) {
    const number = apiId(id);
    const before = targets(numbers(state.serverIds), strings(state.labelSelectors));
    const after = targets(wanted.serverIds, wanted.labelSelectors);
    await remove(client, signal, number, without(before, after));
    await apply(client, signal, number, without(after, before));
    return {};
  },
  async delete({ client, signal }, id, state) {
    await remove(client, signal, apiId(id), targets(numbers(state.serverIds), strings(state.labelSelectors)));
  },
});
