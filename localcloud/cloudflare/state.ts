import { randomBytes } from "node:crypto";
import type { Collection, Store } from "../daemon/store.ts";
import type { LoadBalancerFields, MonitorFields, PoolFields } from "./balancing/schemas.ts";
import type { RecordFields, RecordType } from "./records/schemas.ts";

/** A zone as it is kept; `zones.ts` dresses it for the API. */
export interface Zone {
  id: string;
  name: string;
  type: "full" | "partial" | "secondary" | "internal";
  paused: boolean;
  created_on: string;
  modified_on: string;
  /** Settings that were changed; the others have the value of `settings.ts`. */
  settings: Record<string, { value: unknown; modified_on: string }>;
}

interface Dated {
  id: string;
  created_on: string;
  modified_on: string;
}

/** A DNS record; `content` is always set, also where the caller sent `data`. */
export interface DnsRecord extends RecordFields, Dated {
  zone_id: string;
  type: RecordType;
  name: string;
  content: string;
  ttl: number;
  proxied: boolean;
}

export type Monitor = MonitorFields & Dated;
export type Pool = PoolFields & Dated;
export type LoadBalancer = LoadBalancerFields & Dated & { zone_id: string; zone_name: string };

/** Everything the Cloudflare API keeps, and all that the edge reads. */
export interface CloudflareState {
  zones: Collection<Zone>;
  records: Collection<DnsRecord>;
  monitors: Collection<Monitor>;
  pools: Collection<Pool>;
  loadBalancers: Collection<LoadBalancer>;
}

export function cloudflareState(store: Store): CloudflareState {
  return {
    zones: store.collection<Zone>("cloudflare.zones"),
    records: store.collection<DnsRecord>("cloudflare.records"),
    monitors: store.collection<Monitor>("cloudflare.monitors"),
    pools: store.collection<Pool>("cloudflare.pools"),
    loadBalancers: store.collection<LoadBalancer>("cloudflare.loadBalancers"),
  };
}

/** Identifiers of this API are 32 hexadecimal digits. */
export function newId(): string {
  return randomBytes(16).toString("hex");
}

export function born(): Dated {
  const now = new Date().toISOString();
  return { id: newId(), created_on: now, modified_on: now };
}
