/** Monitors, pools and load balancers. */
import type { Properties } from "../values.ts";
import { apiResource } from "./object.ts";

type Wrong = { property: string; reason: string }[];

function oneOf(properties: Properties, name: string, allowed: readonly string[]): Wrong {
  const value = properties[name];
  if (typeof value !== "string" || allowed.includes(value)) return [];
  const words = allowed.map((word) => (word === "" ? '""' : word)).join(", ");
  return [{ property: name, reason: `'${name}' is '${value}'; allowed: ${words}` }];
}

const accountId = { type: "string", required: true, replace: true } as const;
const dates = { createdOn: {}, modifiedOn: { changes: true } } as const;
const MONITORS = ["http", "https", "tcp", "udp_icmp", "icmp_ping", "smtp"];

export const LoadBalancerMonitor = apiResource({
  inputs: {
    accountId,
    type: { type: "string", assumed: "http" },
    method: { type: "string", computed: true },
    path: { type: "string", computed: true },
    port: { type: "integer" },
    interval: { type: "integer", assumed: 60 },
    timeout: { type: "integer", assumed: 5 },
    retries: { type: "integer", assumed: 2 },
    expectedCodes: { type: "string", assumed: "" },
    expectedBody: { type: "string", assumed: "" },
    header: { type: { map: { list: "string" } } },
    followRedirects: { type: "boolean", assumed: false },
    allowInsecure: { type: "boolean", assumed: false },
    probeZone: { type: "string", assumed: "" },
    consecutiveUp: { type: "integer" },
    consecutiveDown: { type: "integer" },
    description: { type: "string", assumed: "" },
  },
  outputs: dates,
  owner: "accountId",
  collection: (account) => `accounts/${account}/load_balancers/monitors`,
  check: (inputs) => oneOf(inputs, "type", MONITORS),
});

const origin = {
  name: { type: "string" },
  address: { type: "string" },
  enabled: { type: "boolean", assumed: true },
  weight: { type: "number", assumed: 1 },
  port: { type: "integer", computed: true },
  flattenCname: { type: "boolean", assumed: true },
  header: { type: { object: { hosts: { type: { list: "string" }, wire: "Host" } } } },
  virtualNetworkId: { type: "string" },
  disabledAt: { type: "string", computed: true },
} as const;

const loadShedding = {
  defaultPercent: { type: "number", assumed: 0 },
  defaultPolicy: { type: "string", assumed: "random" },
  sessionPercent: { type: "number", assumed: 0 },
  sessionPolicy: { type: "string", assumed: "hash" },
} as const;

export const LoadBalancerPool = apiResource({
  inputs: {
    accountId,
    name: { type: "string", required: true },
    origins: { type: { list: { object: origin } }, required: true },
    monitor: { type: "string" },
    monitorGroup: { type: "string", refused: "the local cloud has no monitor groups" },
    checkRegions: { type: { list: "string" } },
    minimumOrigins: { type: "integer", assumed: 1 },
    enabled: { type: "boolean", assumed: true },
    description: { type: "string", assumed: "" },
    notificationEmail: { type: "string", assumed: "" },
    latitude: { type: "number" },
    longitude: { type: "number" },
    loadShedding: { type: { object: loadShedding }, computed: true },
    originSteering: { type: { object: { policy: { type: "string", assumed: "random" } } }, computed: true },
    notificationFilter: { type: "any", refused: "the local cloud notifies nobody" },
    healthSources: { type: { list: "string" }, refused: "the local cloud checks from one place" },
  },
  outputs: { ...dates, disabledAt: { optional: true }, networks: { optional: true } },
  owner: "accountId",
  collection: (account) => `accounts/${account}/load_balancers/pools`,
});

const affinity = {
  drainDuration: { type: "number", computed: true },
  headers: { type: { list: "string" } },
  requireAllHeaders: { type: "boolean", computed: true },
  samesite: { type: "string", computed: true },
  secure: { type: "string", computed: true },
  zeroDowntimeFailover: { type: "string", computed: true },
} as const;

const randomSteering = {
  defaultWeight: { type: "number", assumed: 1 },
  poolWeights: { type: { map: "number" } },
} as const;

const locationStrategy = {
  mode: { type: "string", assumed: "pop" },
  preferEcs: { type: "string", assumed: "proximity" },
} as const;

const poolsByPlace = { type: { map: { list: "string" } }, computed: true } as const;

const STEERING = [
  "off",
  "geo",
  "random",
  "dynamic_latency",
  "proximity",
  "least_outstanding_requests",
  "least_connections",
  "",
];
const AFFINITIES = ["none", "cookie", "ip_cookie", "header"];

export const LoadBalancer = apiResource({
  inputs: {
    zoneId: { type: "string", required: true, replace: true },
    name: { type: "string", required: true },
    defaultPools: { type: { list: "string" }, required: true },
    fallbackPool: { type: "string", required: true },
    description: { type: "string", computed: true },
    enabled: { type: "boolean", assumed: true },
    proxied: { type: "boolean", assumed: false },
    ttl: { type: "number", computed: true },
    steeringPolicy: { type: "string", assumed: "" },
    randomSteering: { type: { object: randomSteering }, computed: true },
    sessionAffinity: { type: "string", assumed: "none" },
    sessionAffinityTtl: { type: "number", computed: true },
    sessionAffinityAttributes: { type: { object: affinity }, computed: true },
    adaptiveRouting: { type: { object: { failoverAcrossPools: { type: "boolean", assumed: false } } }, computed: true },
    locationStrategy: { type: { object: locationStrategy }, computed: true },
    countryPools: poolsByPlace,
    popPools: poolsByPlace,
    regionPools: poolsByPlace,
    networks: { type: { list: "string" }, computed: true },
    rules: { type: "any", refused: "the local cloud has no rules for load balancers" },
  },
  outputs: { ...dates, zoneName: {} },
  owner: "zoneId",
  collection: (zone) => `zones/${zone}/load_balancers`,
  state: (state) =>
    // Both mean what an empty policy means; the official provider keeps the empty one.
    state.steeringPolicy === "off" || state.steeringPolicy === "geo" ? { ...state, steeringPolicy: "" } : state,
  check: (inputs) => [
    ...oneOf(inputs, "steeringPolicy", STEERING),
    ...oneOf(inputs, "sessionAffinity", AFFINITIES),
    ...(inputs.proxied === true && inputs.ttl !== undefined
      ? [{ property: "ttl", reason: "'ttl' is for load balancers that are not proxied" }]
      : []),
  ],
});
