import { settingOf } from "../../cloudflare/settings.ts";
import type { LoadBalancer, Pool, Zone } from "../../cloudflare/state.ts";
import { isThroughEdge, isWeighted, type Model, sharesOf, targetOf } from "../model.ts";
import { modeOf } from "./modes.ts";

/** Session affinity when the caller set no lifetime. */
const AFFINITY_TTL = 82800;

type LuaValue = string | number | boolean | LuaValue[] | { [key: string]: LuaValue | undefined };

/**
 * The table by which the proxy steers, as Lua text: one entry per name that goes through the edge. A change of weights changes
 * nothing but this, and takes no reload.
 */
export function renderRoutes(model: Model): string {
  const routes: Record<string, LuaValue> = {};
  for (const { zone, records, balancers } of model.zones) {
    for (const record of records.filter((each) => isThroughEdge(each, zone))) {
      routes[record.name] ??= recordRoute(record.name, zone, model);
    }
    for (const balancer of balancers.filter((each) => isThroughEdge(each, zone))) {
      routes[balancer.name] = balancerRoute(balancer, zone, model);
    }
  }
  return `return ${lua(routes, "")}\n`;
}

function zonePart(zone: Zone): { mode: string; https: boolean } {
  return { mode: modeOf(settingOf(zone, "ssl")), https: settingOf(zone, "always_use_https") === "on" };
}

function recordRoute(name: string, zone: Zone, model: Model): LuaValue {
  const target = targetOf(name, model);
  switch (target.kind) {
    case "balancer":
      return balancerRoute(target.balancer, zone, model);
    case "addresses":
      return { ...zonePart(zone), addresses: target.addresses };
    case "elsewhere":
      // The name leads out of this instance: the proxy answers that the origin has no address.
      return { ...zonePart(zone), addresses: [] };
    default: {
      const exhaustive: never = target;
      return exhaustive;
    }
  }
}

function balancerRoute(balancer: LoadBalancer, zone: Zone, model: Model): LuaValue {
  const usable = (id: string) => model.pools.find((pool) => pool.id === id && pool.enabled !== false);
  const pools = sharesOf(balancer).flatMap(({ pool, weight }) => {
    const found = usable(pool);
    return found === undefined ? [] : [{ id: pool, weight, minimum: minimumOf(found) }];
  });
  return {
    ...zonePart(zone),
    weighted: isWeighted(balancer),
    pools,
    fallback: balancer.fallback_pool,
    affinity: affinityOf(balancer),
  };
}

/** A pool serves while so many of its origins are healthy. */
function minimumOf(pool: Pool): number {
  return Math.max(1, pool.minimum_origins ?? 1);
}

function affinityOf(balancer: LoadBalancer): LuaValue | undefined {
  if (balancer.session_affinity !== "cookie" && balancer.session_affinity !== "ip_cookie") {
    return undefined;
  }
  const { samesite = "Auto", secure = "Auto" } = balancer.session_affinity_attributes ?? {};
  return {
    ttl: balancer.session_affinity_ttl ?? AFFINITY_TTL,
    samesite: samesite === "Auto" ? "Lax" : samesite,
    secure,
  };
}

/** A value as a Lua constructor, keys sorted so that equal tables are equal text. */
function lua(value: LuaValue, indent: string): string {
  if (typeof value !== "object") {
    return typeof value === "string" ? JSON.stringify(value) : String(value);
  }
  const deeper = `${indent}  `;
  const items = Array.isArray(value)
    ? value.map((item) => lua(item, deeper))
    : Object.keys(value)
        .sort()
        .flatMap((key) => {
          const item = value[key];
          return item === undefined ? [] : [`[${JSON.stringify(key)}] = ${lua(item, deeper)}`];
        });
  return items.length === 0 ? "{}" : `{\n${items.map((item) => `${deeper}${item},\n`).join("")}${indent}}`;
}
