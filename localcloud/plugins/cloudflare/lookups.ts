/** Functions that look something up. */
import { lookup } from "../define.ts";
import type { Properties } from "../values.ts";
import type { Cloudflare } from "./client.ts";
import { plainFromWire } from "./wire.ts";

const account = { type: { object: { id: { type: "string" }, name: { type: "string" } } } } as const;

const zoneQuery = {
  account,
  direction: { type: "string" },
  match: { type: "string" },
  name: { type: "string" },
  order: { type: "string" },
  status: { type: "string" },
  types: { type: { list: "string" } },
} as const;

function query(wanted: Properties): URLSearchParams {
  const params = new URLSearchParams();
  for (const name of ["direction", "match", "name", "order", "status", "type"]) {
    const value = wanted[name];
    if (typeof value === "string") params.set(name, value);
  }
  return params;
}

export const getZone = lookup<Cloudflare>()({
  inputs: { zoneId: { type: "string" }, filter: { type: { object: zoneQuery } } },
  async run({ client, signal }, { zoneId, filter }) {
    let id = zoneId;
    if (id === undefined) {
      const found = await client.list(signal, "zones", query(filter ?? {}));
      if (found.length !== 1) {
        throw new Error(
          `getZone: the filter must give exactly one zone, it gives ${found.length} (${filter?.name ?? ""})`,
        );
      }
      id = String(found[0]?.id);
    }
    const zone = await client.find(signal, `zones/${id}`);
    if (zone === undefined) throw new Error(`getZone: no zone has the id ${id}`);
    return { ...(plainFromWire(zone) as Properties), id, zoneId: id };
  },
});

export const getZones = lookup<Cloudflare>()({
  inputs: { ...zoneQuery, maxItems: { type: "integer" } },
  async run({ client, signal }, wanted) {
    const all = await client.list(signal, "zones", query(wanted));
    const results = all.slice(0, wanted.maxItems ?? all.length).map(plainFromWire);
    return { match: wanted.match ?? "all", results };
  },
});

const text = {
  exact: { type: "string" },
  contains: { type: "string" },
  startswith: { type: "string" },
  endswith: { type: "string" },
} as const;

export const getDnsRecords = lookup<Cloudflare>()({
  inputs: {
    zoneId: { type: "string", required: true },
    type: { type: "string" },
    name: { type: { object: text } },
    content: { type: { object: text } },
    proxied: { type: "boolean" },
    direction: { type: "string" },
    match: { type: "string" },
    order: { type: "string" },
    maxItems: { type: "integer" },
  },
  async run({ client, signal }, wanted) {
    const { zoneId, name, content, maxItems, ...rest } = wanted;
    const params = query(rest);
    for (const [field, filter] of Object.entries({ name, content })) {
      for (const [how, value] of Object.entries(filter ?? {}))
        params.set(how === "exact" ? field : `${field}.${how}`, value);
    }
    if (wanted.proxied !== undefined) params.set("proxied", String(wanted.proxied));
    const all = await client.list(signal, `zones/${zoneId}/dns_records`, params);
    const results = all.slice(0, maxItems ?? all.length).map(plainFromWire);
    return { id: zoneId, direction: "asc", match: "all", order: "type", tagMatch: "all", proxied: false, results };
  },
});
