import { z } from "zod";
import { ok, page } from "../envelope.ts";
import { notUnique, objectNotFound, referenced, validationFailed } from "../errors.ts";
import { type App, accountItemParams, accountParams, type Hub } from "../hub.ts";
import { born, type LoadBalancer, type Pool } from "../state.ts";
import { listQuery, PAGE_SIZE } from "./listing.ts";
import { type Origin, type PoolFields, poolBody, poolPatch } from "./schemas.ts";

const DEFAULTS = { enabled: true, minimum_origins: 1, description: "", notification_email: "" };
const ORIGIN_DEFAULTS = { enabled: true, weight: 1 };
const poolQuery = listQuery.extend({ monitor: z.string().optional() });

export function registerPools(app: App, hub: Hub): void {
  const { monitors, pools, loadBalancers } = hub.state;
  const base = "/accounts/:account/load_balancers/pools";

  app.get(base, { schema: { params: accountParams, querystring: poolQuery } }, async (request) => {
    hub.assertAccount(request.params.account);
    const { monitor } = request.query;
    const hits = pools.all().filter((pool) => monitor === undefined || pool.monitor === monitor);
    return page(hits.map(view), request.query, PAGE_SIZE);
  });

  app.post(base, { schema: { params: accountParams, body: poolBody } }, async (request) => {
    hub.assertAccount(request.params.account);
    const pool = pools.put({ ...checked(request.body), ...born() });
    await hub.apply();
    return ok(view(pool));
  });

  app.get(`${base}/:id`, { schema: { params: accountItemParams } }, async (request) => {
    return ok(view(existing(request.params)));
  });

  app.put(`${base}/:id`, { schema: { params: accountItemParams, body: poolBody } }, async (request) => {
    return ok(await replace(existing(request.params), request.body));
  });

  app.patch(`${base}/:id`, { schema: { params: accountItemParams, body: poolPatch } }, async (request) => {
    const present = existing(request.params);
    const { id: _id, created_on: _created, modified_on: _modified, ...fields } = present;
    return ok(await replace(present, { ...fields, ...request.body }));
  });

  app.delete(`${base}/:id`, { schema: { params: accountItemParams } }, async (request) => {
    const { id } = existing(request.params);
    if (loadBalancers.find((balancer) => poolsOf(balancer).includes(id)) !== undefined) {
      throw referenced();
    }
    pools.remove(id);
    await hub.apply();
    return ok({ id });
  });

  async function replace(present: Pool, fields: PoolFields) {
    const { id, created_on } = present;
    const pool = pools.put({ ...checked(fields, id), id, created_on, modified_on: new Date().toISOString() });
    await hub.apply();
    return view(pool);
  }

  function checked(fields: PoolFields, self?: string): PoolFields {
    if (pools.find((other) => other.name === fields.name && other.id !== self) !== undefined) {
      throw notUnique();
    }
    if (fields.monitor && monitors.get(fields.monitor) === undefined) {
      throw validationFailed(`monitor: ${fields.monitor} does not exist`);
    }
    const names = fields.origins.map((origin) => origin.name);
    if (new Set(names).size !== names.length) {
      throw validationFailed("origins: names must be unique");
    }
    return { ...DEFAULTS, ...fields, origins: fields.origins.map((origin) => ({ ...ORIGIN_DEFAULTS, ...origin })) };
  }

  function existing(params: { account: string; id: string }): Pool {
    hub.assertAccount(params.account);
    const pool = pools.get(params.id);
    if (pool === undefined) {
      throw objectNotFound("pool");
    }
    return pool;
  }
}

/** Every pool a load balancer names, wherever it names it. */
export function poolsOf(balancer: Partial<LoadBalancer>): string[] {
  const places = [balancer.country_pools, balancer.region_pools, balancer.pop_pools];
  const placed = places.flatMap((byPlace) => Object.values(byPlace ?? {}).flat());
  const fallback = balancer.fallback_pool === undefined ? [] : [balancer.fallback_pool];
  return [...(balancer.default_pools ?? []), ...fallback, ...placed];
}

function view(pool: Pool) {
  return { ...pool, origins: pool.origins.map(viewOrigin) };
}

/** A header that was not set is absent, as at the real API. */
function viewOrigin({ header, ...origin }: Origin) {
  return header ? { ...origin, header } : origin;
}
