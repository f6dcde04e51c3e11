import { traits } from "../image.ts";
import { rateLimit, rateZone, realAddress } from "./clients.ts";
import { type Directive, quoted, serialise } from "./directives.ts";
import { gate, gateMaps, noticeLocations } from "./gate.ts";
import { headerMaps, headers } from "./headers.ts";
import type { Site } from "./spec.ts";
import { behindCache, firstStop, proxying, upstreams } from "./upstream.ts";

/** Where the running configuration says on loopback which one it is, and how many connections there are (`/status`). */
const printAddress = "127.0.0.1:8099";

/** A folder of nginx's own: with the rest of /run out of its reach. */
export const pidFile = "/run/nginx/nginx.pid";

const jsonLog = {
  time: "$time_iso8601",
  id: "$request_id",
  remote: "$remote_addr",
  // Whose connection it was: the edge's where one stands in front.
  peer: "$realip_remote_addr",
  host: "$host",
  method: "$request_method",
  // Without the query string, which may carry what nobody should read in a log.
  path: "$uri",
  status: "$status",
  bytes: "$body_bytes_sent",
  seconds: "$request_time",
  upstream: "$upstream_addr",
  upstreamSeconds: "$upstream_response_time",
  cache: "$upstream_http_x_cache",
  protocol: "$server_protocol",
  tls: "$ssl_protocol",
  agent: "$http_user_agent",
};

const compressed = [
  "text/css",
  "text/plain",
  "text/xml",
  "application/javascript",
  "application/json",
  "application/manifest+json",
  "application/xml",
  "image/svg+xml",
];

/** The whole of nginx.conf. `print` is answered on loopback, to tell a configuration that runs from one that was only written. */
export function configuration(site: Site, print: string): string {
  return serialise([
    "user www-data",
    "worker_processes auto",
    // A worker of the configuration before ends with its last request, and not later.
    "worker_shutdown_timeout 10m",
    `pid ${pidFile}`,
    "error_log /var/log/nginx/error.log warn",
    "load_module /usr/lib/nginx/modules/ngx_http_brotli_filter_module.so",
    ["events", ["worker_connections 8192"]],
    [
      "http",
      [
        ...common(site),
        ...compression(),
        ...tls(),
        ...realAddress(site),
        ...rateZone(site),
        ...headerMaps(site),
        ...gateMaps(site),
        ...upstreams(site),
        plainServer(site),
        tlsServer(site),
        ...behindCache(site),
        printServer(print),
      ],
    ],
  ]);
}

function common(site: Site): Directive[] {
  return [
    "include /etc/nginx/mime.types",
    "default_type application/octet-stream",
    `log_format json escape=json ${quoted(JSON.stringify(jsonLog))}`,
    "access_log /var/log/nginx/access.log json",
    "sendfile on",
    "tcp_nopush on",
    "server_tokens off",
    "keepalive_timeout 65s",
    // Who sends a request byte by byte holds a connection no longer than this.
    "client_header_timeout 15s",
    "client_body_timeout 30s",
    "send_timeout 30s",
    "reset_timedout_connection on",
    `client_max_body_size ${site.clientMaxBodyMiB}m`,
  ];
}

function compression(): Directive[] {
  return ["gzip", "brotli"].flatMap((kind) => [
    `${kind} on`,
    `${kind}_comp_level 5`,
    `${kind}_min_length 512`,
    `${kind}_types ${compressed.join(" ")}`,
    ...(kind === "gzip" ? ["gzip_proxied any", "gzip_vary on"] : []),
  ]);
}

/** Mozilla's intermediate set for an ECDSA certificate, as every one of ours is. There is no OCSP any more, so no stapling. */
function tls(): Directive[] {
  const ciphers = ["AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305"].map((name) => `ECDHE-ECDSA-${name}`);
  return [
    "ssl_protocols TLSv1.2 TLSv1.3",
    `ssl_ciphers ${ciphers.join(":")}`,
    "ssl_prefer_server_ciphers off",
    "ssl_session_cache shared:tls:10m",
    "ssl_session_timeout 1d",
    // The key of the tickets would live as long as the process and undo forward secrecy.
    "ssl_session_tickets off",
  ];
}

function plainServer(site: Site): Directive {
  return [
    "server",
    [
      "listen 80 default_server",
      "listen [::]:80 default_server",
      "server_name _",
      `add_header X-Bascule-Side ${site.side} always`,
      "return 301 https://$host$request_uri",
    ],
  ];
}

function tlsServer(site: Site): Directive {
  const modern = traits[site.image].http2Directive;
  const listen = modern ? "ssl default_server" : "ssl http2 default_server";
  return [
    "server",
    [
      `listen 443 ${listen}`,
      `listen [::]:443 ${listen}`,
      ...(modern ? ["http2 on"] : []),
      `server_name ${[site.domain, site.ownName].filter(Boolean).join(" ")}`,
      `ssl_certificate ${site.certificate.chain}`,
      `ssl_certificate_key ${site.certificate.key}`,
      ...headers(site),
      ...proxying(site),
      ...noticeLocations(site),
      [
        "location = /.well-known/bascule",
        [
          "default_type application/json",
          "access_log off",
          `return 200 ${quoted(JSON.stringify({ side: site.side }))}`,
        ],
      ],
      // Whoever moves traffic asks here, also before the site is open.
      ...(site.healthPath === undefined
        ? []
        : [[`location = ${site.healthPath}`, ["proxy_pass http://app"]] satisfies Directive]),
      ...site.privatePaths.map((path): Directive => [`location = ${path}`, ["return 404"]]),
      ["location /", [...gate(site), rateLimit(site), `proxy_pass ${firstStop(site)}`]],
    ],
  ];
}

function printServer(print: string): Directive {
  const status: Directive = ["location = /status", ["stub_status"]];
  return ["server", [`listen ${printAddress}`, "access_log off", status, ["location /", [`return 200 "${print}"`]]]];
}
