import { ok, page } from "../envelope.ts";
import { notUnique, objectNotFound, validationFailed } from "../errors.ts";
import { type App, type Hub, zoneItemParams, zoneParams } from "../hub.ts";
import { fullName } from "../records/rules.ts";
import { born, type LoadBalancer, type Zone } from "../state.ts";
import { listQuery, PAGE_SIZE } from "./listing.ts";
import { poolsOf } from "./pools.ts";
import { type LoadBalancerFields, loadBalancerBody, loadBalancerPatch } from "./schemas.ts";

const DEFAULTS = {
  description: "",
  enabled: true,
  proxied: false,
  session_affinity: "none",
  steering_policy: "off",
} as const;
/** Lifetime of the DNS answers of a load balancer that is not proxied. */
const DEFAULT_TTL = 30;

export function registerLoadBalancers(app: App, hub: Hub): void {
  const { pools, loadBalancers } = hub.state;
  const base = "/zones/:zone/load_balancers";

  app.get(base, { schema: { params: zoneParams, querystring: listQuery } }, async (request) => {
    const zone = hub.zone(request.params.zone, request.url);
    const hits = loadBalancers.all().filter((balancer) => balancer.zone_id === zone.id);
    return page(hits.map(view), request.query, PAGE_SIZE);
  });

  app.post(base, { schema: { params: zoneParams, body: loadBalancerBody } }, async (request) => {
    const zone = hub.zone(request.params.zone, request.url);
    const fields = checked(zone, request.body);
    const balancer = loadBalancers.put({ ...fields, ...born(), zone_id: zone.id, zone_name: zone.name });
    await hub.apply();
    return ok(view(balancer));
  });

  app.get(`${base}/:id`, { schema: { params: zoneItemParams } }, async (request) => {
    return ok(view(existing(hub.zone(request.params.zone, request.url), request.params.id)));
  });

  app.put(`${base}/:id`, { schema: { params: zoneItemParams, body: loadBalancerBody } }, async (request) => {
    const zone = hub.zone(request.params.zone, request.url);
    return ok(await replace(zone, existing(zone, request.params.id), request.body));
  });

  app.patch(`${base}/:id`, { schema: { params: zoneItemParams, body: loadBalancerPatch } }, async (request) => {
    const zone = hub.zone(request.params.zone, request.url);
    const present = existing(zone, request.params.id);
    const { id: _i, created_on: _c, modified_on: _m, zone_id: _z, zone_name: _n, ...fields } = present;
    return ok(await replace(zone, present, { ...fields, ...request.body }));
  });

  app.delete(`${base}/:id`, { schema: { params: zoneItemParams } }, async (request) => {
    const { id } = existing(hub.zone(request.params.zone, request.url), request.params.id);
    loadBalancers.remove(id);
    await hub.apply();
    return ok({ id });
  });

  async function replace(zone: Zone, present: LoadBalancer, fields: LoadBalancerFields) {
    const { id, created_on, zone_id, zone_name } = present;
    const modified_on = new Date().toISOString();
    const balancer = { ...checked(zone, fields, id), id, created_on, modified_on, zone_id, zone_name };
    loadBalancers.put(balancer);
    await hub.apply();
    return view(balancer);
  }

  function checked(zone: Zone, fields: LoadBalancerFields, self?: string): LoadBalancerFields {
    const name = fields.name.toLowerCase();
    if (fullName(name, zone.name) !== name) {
      throw validationFailed(`name: ${name} is not in the zone ${zone.name}`);
    }
    if (loadBalancers.find((other) => other.name === name && other.id !== self) !== undefined) {
      throw notUnique();
    }
    const missing = poolsOf(fields).filter((id) => pools.get(id) === undefined);
    if (missing.length > 0) {
      throw validationFailed(`pools: ${missing.join(", ")} does not exist`);
    }
    const ttl = fields.proxied ? {} : { ttl: DEFAULT_TTL };
    return { ...DEFAULTS, ...ttl, ...fields, name };
  }

  function existing(zone: Zone, id: string): LoadBalancer {
    const balancer = loadBalancers.get(id);
    if (balancer === undefined || balancer.zone_id !== zone.id) {
      throw objectNotFound("load balancer");
    }
    return balancer;
  }
}

function view(balancer: LoadBalancer) {
  const { zone_id: _zone, ...rest } = balancer;
  return rest;
}
