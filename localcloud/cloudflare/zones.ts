import { z } from "zod";
import { ok, page, pageQuery } from "./envelope.ts";
import { CloudflareError, couldNotRoute } from "./errors.ts";
import type { App, Hub } from "./hub.ts";
import { born, type Zone } from "./state.ts";

/** Served by the instance's own DNS server, so that a client which looks up the name servers of a zone finds it. */
export const NAME_SERVERS = ["ada.ns.localcloud.test", "bob.ns.localcloud.test"];

const DOMAIN = /^(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$/;

const createBody = z.strictObject({
  name: z.string().toLowerCase(),
  account: z.strictObject({ id: z.string().optional(), name: z.string().optional() }).optional(),
  type: z.enum(["full", "partial", "secondary", "internal"]).default("full"),
  jump_start: z.boolean().optional(),
  paused: z.boolean().default(false),
  vanity_name_servers: z.array(z.string()).max(0, "vanity name servers are not simulated").optional(),
});
const editBody = z.strictObject({
  paused: z.boolean().optional(),
  type: createBody.shape.type.unwrap().optional(),
  vanity_name_servers: createBody.shape.vanity_name_servers,
});
const listQuery = z.object({
  ...pageQuery,
  name: z.string().optional(),
  status: z.string().optional(),
  "account.id": z.string().optional(),
  "account.name": z.string().optional(),
  order: z.string().optional(),
  direction: z.enum(["asc", "desc"]).default("asc"),
  match: z.enum(["any", "all"]).default("all"),
});
const params = z.object({ id: z.string() });

export function registerZones(app: App, hub: Hub): void {
  const { zones, records, loadBalancers } = hub.state;
  const view = (zone: Zone) => viewOf(zone, hub);

  app.get("/zones", { schema: { querystring: listQuery } }, async (request) => {
    const { query } = request;
    const hits = zones
      .all()
      .map(view)
      .filter((zone) => matchesName(zone.name, query.name))
      .filter((zone) => query.status === undefined || zone.status === query.status)
      .filter((zone) => query["account.id"] === undefined || zone.account.id === query["account.id"])
      .filter((zone) => query["account.name"] === undefined || zone.account.name === query["account.name"]);
    hits.sort((a, b) => (query.direction === "asc" ? 1 : -1) * a.name.localeCompare(b.name));
    return page(hits, query, 20);
  });

  app.post("/zones", { schema: { body: createBody } }, async (request) => {
    const { name, account, type, paused } = request.body;
    if (account?.id !== undefined) {
      hub.assertAccount(account.id);
    }
    if (!DOMAIN.test(name)) {
      throw new CloudflareError(400, 1049, `${name} is not a registered domain`);
    }
    if (zones.find((zone) => zone.name === name) !== undefined) {
      throw new CloudflareError(400, 1061, `${name} already exists`);
    }
    const zone = zones.put({ ...born(), name, type, paused, settings: {} });
    await hub.apply();
    return ok(view(zone));
  });

  app.get("/zones/:id", { schema: { params } }, async (request) => ok(view(existing(request.params.id))));

  app.patch("/zones/:id", { schema: { params, body: editBody } }, async (request) => {
    const present = existing(request.params.id);
    const { paused = present.paused, type = present.type } = request.body;
    const zone = zones.patch(present.id, { paused, type, modified_on: new Date().toISOString() });
    await hub.apply();
    return ok(view(zone));
  });

  app.delete("/zones/:id", { schema: { params } }, async (request) => {
    const zone = existing(request.params.id);
    for (const collection of [records, loadBalancers]) {
      for (const { id } of collection.all().filter((one) => one.zone_id === zone.id)) {
        collection.remove(id);
      }
    }
    zones.remove(zone.id);
    await hub.apply();
    return ok({ id: zone.id });
  });

  function existing(id: string): Zone {
    if (id.length !== 32) {
      throw couldNotRoute(`/zones/${id}`);
    }
    const zone = zones.get(id);
    if (zone === undefined) {
      throw new CloudflareError(404, 1001, "Invalid zone identifier");
    }
    return zone;
  }
}

/** `name=a.test` or `name=contains:a`, as the API allows. */
function matchesName(name: string, filter: string | undefined): boolean {
  if (filter === undefined) {
    return true;
  }
  const [operator, operand] = filter.includes(":")
    ? filter.toLowerCase().split(":", 2)
    : ["equal", filter.toLowerCase()];
  const text = operand ?? "";
  switch (operator) {
    case "equal":
      return name === text;
    case "not_equal":
      return name !== text;
    case "starts_with":
      return name.startsWith(text);
    case "ends_with":
      return name.endsWith(text);
    case "contains":
      return name.includes(text);
    default:
      throw new CloudflareError(400, 1066, `${operator} is not a valid operator for the filter name`);
  }
}

/** There is no registry on this machine to wait for, so a zone is active as soon as it exists. */
function viewOf(zone: Zone, hub: Hub) {
  return {
    id: zone.id,
    name: zone.name,
    status: "active",
    paused: zone.paused,
    type: zone.type,
    development_mode: 0,
    name_servers: NAME_SERVERS,
    original_name_servers: null,
    original_registrar: null,
    original_dnshost: null,
    created_on: zone.created_on,
    modified_on: zone.modified_on,
    activated_on: zone.created_on,
    meta: {
      step: 4,
      custom_certificate_quota: 0,
      page_rule_quota: 3,
      phishing_detected: false,
      cdn_only: false,
      dns_only: false,
      foundation_dns: false,
    },
    owner: { id: null, type: "user", email: null },
    account: { id: hub.context.instance.accountId, name: `local cloud ${hub.context.instance.name}` },
    tenant: { id: null, name: null },
    tenant_unit: { id: null },
    permissions: ["#dns_records:edit", "#dns_records:read", "#lb:edit", "#lb:read", "#zone:edit", "#zone:read"],
    plan: {
      id: "0feeeeeeeeeeeeeeeeeeeeeeeeeeeeee",
      name: "Free Website",
      price: 0,
      currency: "USD",
      frequency: "",
      is_subscribed: false,
      can_subscribe: false,
      legacy_id: "free",
      legacy_discount: false,
      externally_managed: false,
    },
  };
}
