import type { CloudflareState, DnsRecord, LoadBalancer, Monitor, Pool, Zone } from "../cloudflare/state.ts";

/** A zone with all that is in it. */
export interface ZoneModel {
  zone: Zone;
  records: DnsRecord[];
  /** Enabled ones only. */
  balancers: LoadBalancer[];
}

/** The state of the Cloudflare API as the renderers read it: plain values, nothing to call. */
export interface Model {
  zones: ZoneModel[];
  pools: Pool[];
  monitors: Monitor[];
}

/** What stands behind a name once every alias is followed. */
export type Target =
  | { kind: "balancer"; balancer: LoadBalancer }
  | { kind: "addresses"; addresses: string[] }
  | { kind: "elsewhere"; name: string };

/** Aliases of aliases end here; a loop is a name without an address. */
const LONGEST_CHAIN = 8;

export function readModel(state: CloudflareState): Model {
  const records = state.records.all();
  const balancers = state.loadBalancers.all().filter((balancer) => balancer.enabled !== false);
  return {
    zones: state.zones.all().map((zone) => ({
      zone,
      records: records.filter((record) => record.zone_id === zone.id),
      balancers: balancers.filter((balancer) => balancer.zone_id === zone.id),
    })),
    pools: state.pools.all(),
    monitors: state.monitors.all(),
  };
}

/** Whether requests for this record go through the edge; in a paused zone nothing does. */
export function isThroughEdge(item: { proxied?: boolean }, zone: Zone): boolean {
  return item.proxied === true && !zone.paused;
}

/** Follows a name through the zones of this instance; names outside of them are not looked up. */
export function targetOf(name: string, model: Model, depth = 0): Target {
  const zones = model.zones;
  const balancer = zones.flatMap((zone) => zone.balancers).find((each) => each.name === name);
  if (balancer !== undefined) {
    return { kind: "balancer", balancer };
  }
  const records = namesakes(
    name,
    zones.flatMap((zone) => zone.records),
  );
  const alias = records.find((record) => record.type === "CNAME");
  if (alias !== undefined && depth < LONGEST_CHAIN) {
    return targetOf(alias.content.toLowerCase(), model, depth + 1);
  }
  const addresses = records.filter((record) => record.type === "A").map((record) => record.content);
  return addresses.length > 0 ? { kind: "addresses", addresses } : { kind: "elsewhere", name };
}

/** Records of a name, those of the nearest wildcard where the name itself has none. */
function namesakes(name: string, records: DnsRecord[]): DnsRecord[] {
  const own = records.filter((record) => record.name === name);
  if (own.length > 0) {
    return own;
  }
  const dot = name.indexOf(".");
  const star = `*${name.slice(dot)}`;
  return dot < 0 || name.startsWith("*") ? [] : records.filter((record) => record.name === star);
}

/** Pools a load balancer may choose from with their shares; a share of 0 gets nothing. */
export function sharesOf(balancer: LoadBalancer): { pool: string; weight: number }[] {
  const weights = balancer.random_steering?.pool_weights ?? {};
  const fallbackWeight = balancer.random_steering?.default_weight ?? 1;
  return balancer.default_pools.map((pool) => ({ pool, weight: weights[pool] ?? fallbackWeight }));
}

/** These choose by weight; every other policy takes the first healthy pool of the list. */
export function isWeighted(balancer: LoadBalancer): boolean {
  const policy = balancer.steering_policy ?? "";
  return ["random", "least_outstanding_requests", "least_connections"].includes(policy);
}
