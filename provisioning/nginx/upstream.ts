import type { Directive } from "./directives.ts";
import type { Site } from "./spec.ts";

/** Where the cache, and nginx itself when the cache is away, find the application behind its retries. */
export const behindCacheAddress = "127.0.0.1:8098";

/**
 * An instance that refused, hung or broke off once is left out for ten seconds. A rolling restart takes one after the other out
 * that way, at the end all of them: so every instance stands there a second time as its own substitute, which is never left out
 * and is asked when nobody else is there. Loopback refuses at once, so that costs nothing.
 */
export function upstreams(site: Site): Directive[] {
  const instances = site.upstreamPorts.map((port) => `127.0.0.1:${port}`);
  const app: Directive = [
    "upstream app",
    [
      // Counts of failures and connections are shared between the workers.
      "zone app 256k",
      // A hanging instance keeps its requests, so it gets no more of them long before its first timeout.
      "least_conn",
      ...instances.map((address) => `server ${address} max_fails=1 fail_timeout=10s`),
      ...instances.map((address) => `server ${address} max_fails=0 backup`),
      "keepalive 64",
    ],
  ];
  if (site.cachePort === undefined) return [app];
  return [
    app,
    [
      "upstream cache",
      [
        "zone cache 64k",
        `server 127.0.0.1:${site.cachePort} max_fails=1 fail_timeout=2s`,
        // Without the cache the site is slower, and not away.
        `server ${behindCacheAddress} backup`,
        "keepalive 64",
      ],
    ],
    // Writing never goes through the cache.
    ["upstream behind-cache", [`server ${behindCacheAddress}`, "keepalive 64"]],
    ["map $request_method $next", ["default behind-cache", "GET cache", "HEAD cache"]],
  ];
}

/** Where the visitors' requests go. */
export function firstStop(site: Site): string {
  return site.cachePort === undefined ? "http://app" : "http://$next";
}

/** For the server the visitors come to. */
export function proxying(site: Site): Directive[] {
  const handedOn = handing({ address: "$remote_addr", id: "$request_id" });
  if (site.cachePort === undefined) return [...handedOn, ...trying(site)];
  return [
    ...handedOn,
    // The server behind the cache tries the instances, two of them where one hangs; here only a cache that is away is passed by.
    `proxy_read_timeout ${2 * site.appTimeoutSeconds + 10}s`,
    `proxy_send_timeout ${2 * site.appTimeoutSeconds + 10}s`,
    "proxy_next_upstream error timeout",
    "proxy_next_upstream_timeout 5s",
  ];
}

/** What an instance is told of the visitor. */
function handing(from: { address: string; id: string }): Directive[] {
  return [
    "proxy_http_version 1.1",
    // An empty Connection header keeps the connections to the instances open.
    'proxy_set_header Connection ""',
    "proxy_set_header Host $host",
    // One address and no history: what a visitor writes into this header is nobody's address.
    `proxy_set_header X-Forwarded-For ${from.address}`,
    "proxy_set_header X-Forwarded-Proto https",
    `proxy_set_header X-Real-IP ${from.address}`,
    `proxy_set_header X-Request-ID ${from.id}`,
    "proxy_connect_timeout 2s",
  ];
}

/** How the instances are tried. */
function trying(site: Site): Directive[] {
  return [
    `proxy_send_timeout ${site.appTimeoutSeconds}s`,
    `proxy_read_timeout ${site.appTimeoutSeconds}s`,
    // What an instance has begun to work on is repeated elsewhere only for methods that may be repeated: never a POST.
    "proxy_next_upstream error timeout http_502 http_503",
    `proxy_next_upstream_tries ${Math.max(3, site.upstreamPorts.length + 1)}`,
    // After one timeout there is time for one more attempt, not for a tour of all instances.
    `proxy_next_upstream_timeout ${site.appTimeoutSeconds + 5}s`,
  ];
}

/** The server behind the cache. */
export function behindCache(site: Site): Directive[] {
  if (site.cachePort === undefined) return [];
  return [
    [
      "server",
      [
        `listen ${behindCacheAddress}`,
        "access_log off",
        ...handing({ address: "$http_x_real_ip", id: "$http_x_request_id" }),
        ...trying(site),
        ["location /", ["proxy_pass http://app"]],
      ],
    ],
  ];
}
