import { z } from "zod";

/*
 * Every field the API knows is listed, also those the edge does not obey: a field that is missing in an answer would be drift to the
 * official provider, and a field nobody knows is refused rather than dropped. Which ones are obeyed stands in docs.
 */

const share = z.number().min(0).max(1);
/** Line breaks and the like have no place in any of these, and would end a line of the proxy's configuration. */
const text = z.string().regex(/^\P{Cc}*$/u, "must not hold control characters");
/** Headers by name, as monitors send and origins are sent. */
const headers = z.record(z.string().regex(/^[A-Za-z0-9!#$&'*+.^_`|~-]+$/, "must be a header name"), z.array(text));
/** A host name or an address. */
const host = text.regex(/^[A-Za-z0-9._:-]+$/, "must be a host name or an address");

const monitorShape = z.strictObject({
  type: z.enum(["http", "https", "tcp", "udp_icmp", "icmp_ping", "smtp"]),
  method: text,
  path: text.regex(/^\//, "must start with /"),
  port: z.number().int().min(0).max(65535).nullable(),
  /** Any number of seconds, where the real API wants 60 on the smaller plans. */
  interval: z.number().int().min(1).max(3600),
  timeout: z.number().int().min(1).max(10),
  retries: z.number().int().min(0).max(5),
  expected_codes: text.regex(/^$|^([1-5](\d\d|xx))(,\s*[1-5](\d\d|xx))*$/i, "must be like 200, 2xx or 200,301"),
  expected_body: text,
  header: headers.nullable(),
  follow_redirects: z.boolean(),
  allow_insecure: z.boolean(),
  probe_zone: text,
  consecutive_up: z.number().int().min(0),
  consecutive_down: z.number().int().min(0),
  description: text,
});
export const monitorBody = monitorShape.partial();
export type MonitorFields = z.output<typeof monitorBody>;

const originField = z.strictObject({
  name: text.min(1),
  address: host,
  enabled: z.boolean().optional(),
  weight: share.optional(),
  port: z.number().int().min(0).max(65535).optional(),
  header: z
    .strictObject({ Host: z.array(host).max(1) })
    .partial()
    .nullish(),
  virtual_network_id: text.optional(),
  flatten_cname: z.boolean().optional(),
});
export type Origin = z.output<typeof originField>;

const notifyField = z.strictObject({ disable: z.boolean().optional(), healthy: z.boolean().nullish() }).nullish();
const poolShape = z.strictObject({
  name: text.regex(/^[A-Za-z0-9_-]+$/, "must be letters, digits, - and _"),
  origins: z.array(originField),
  monitor: text.nullable(),
  monitor_group: text.nullable(),
  enabled: z.boolean(),
  minimum_origins: z.number().int().min(0),
  check_regions: z.array(text).nullable(),
  description: text,
  notification_email: text,
  notification_filter: z.strictObject({ origin: notifyField, pool: notifyField }).nullable(),
  origin_steering: z
    .strictObject({ policy: z.enum(["random", "hash", "least_outstanding_requests", "least_connections"]).optional() })
    .nullable(),
  load_shedding: z
    .strictObject({
      default_percent: z.number().optional(),
      default_policy: z.enum(["random", "hash"]).optional(),
      session_percent: z.number().optional(),
      session_policy: z.enum(["hash"]).optional(),
    })
    .nullable(),
  latitude: z.number().nullable(),
  longitude: z.number().nullable(),
  health_sources: z.array(text).nullable(),
});
export const poolPatch = poolShape.partial();
export const poolBody = poolPatch.required({ name: true, origins: true });
export type PoolFields = z.output<typeof poolBody>;

const poolsByPlace = z.record(text, z.array(text)).nullable();
const loadBalancerShape = z.strictObject({
  name: text.min(1),
  description: text,
  default_pools: z.array(text).min(1, "must name at least one pool"),
  fallback_pool: text,
  proxied: z.boolean(),
  enabled: z.boolean(),
  ttl: z.number().int().min(1).max(86400),
  steering_policy: z.enum([
    "off",
    "geo",
    "random",
    "dynamic_latency",
    "proximity",
    "least_outstanding_requests",
    "least_connections",
    "",
  ]),
  random_steering: z
    .strictObject({ default_weight: share.optional(), pool_weights: z.record(text, share).nullish() })
    .nullable(),
  session_affinity: z.enum(["none", "cookie", "ip_cookie", "header", ""]),
  session_affinity_ttl: z.number().int().min(30).max(604800),
  session_affinity_attributes: z
    .strictObject({
      drain_duration: z.number().optional(),
      headers: z.array(text).nullish(),
      require_all_headers: z.boolean().optional(),
      samesite: z.enum(["Auto", "Lax", "None", "Strict"]).optional(),
      secure: z.enum(["Auto", "Always", "Never"]).optional(),
      zero_downtime_failover: z.enum(["none", "temporary", "sticky"]).optional(),
    })
    .nullable(),
  adaptive_routing: z.strictObject({ failover_across_pools: z.boolean().optional() }).nullable(),
  location_strategy: z
    .strictObject({
      mode: z.enum(["pop", "resolver_ip"]).optional(),
      prefer_ecs: z.enum(["always", "never", "proximity", "geo"]).optional(),
    })
    .nullable(),
  country_pools: poolsByPlace,
  region_pools: poolsByPlace,
  pop_pools: poolsByPlace,
  networks: z.array(text).nullable(),
  rules: z.array(z.never(), "rules are not simulated").nullable(),
});
export const loadBalancerPatch = loadBalancerShape.partial();
export const loadBalancerBody = loadBalancerPatch.required({ name: true, default_pools: true, fallback_pool: true });
export type LoadBalancerFields = z.output<typeof loadBalancerBody>;
