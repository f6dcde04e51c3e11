import { type Image, traits } from "../image.ts";

/** What nginx is to serve; see `renderNginx`. */
export interface NginxSpec {
  domain: string;
  /** Paths on the server. */
  certificate: { chain: string; key: string };
  /** Ports of the application's instances on loopback. */
  upstreamPorts: number[];
  /** Said in the header `X-Bascule-Side` of every answer. */
  side: "blue" | "green";
  /** Largest request body. */
  clientMaxBodyMiB: number;
  image: Image;
}

/** A line, or a line with a block below it. */
type Directive = string | [head: string, block: Directive[]];

/** Where the running configuration says on loopback which one it is. */
const printAddress = "127.0.0.1:8099";

const jsonLog = {
  time: "$time_iso8601",
  remote: "$remote_addr",
  host: "$host",
  method: "$request_method",
  // Without the query string, which may carry what nobody should read in a log.
  path: "$uri",
  status: "$status",
  bytes: "$body_bytes_sent",
  seconds: "$request_time",
  upstream: "$upstream_addr",
  upstreamSeconds: "$upstream_response_time",
  protocol: "$server_protocol",
  agent: "$http_user_agent",
};

/** The whole of nginx.conf. `print` is answered on loopback, to tell a configuration that runs from one that was only written. */
export function configuration(spec: NginxSpec, print: string): string {
  return serialise([
    "user www-data",
    "worker_processes auto",
    "worker_rlimit_nofile 65536",
    "pid /run/nginx.pid",
    "error_log /var/log/nginx/error.log warn",
    ["events", ["worker_connections 8192"]],
    ["http", [...common(spec), upstream(spec), plainServer(), tlsServer(spec), printServer(print)]],
  ]);
}

function common(spec: NginxSpec): Directive[] {
  return [
    "include /etc/nginx/mime.types",
    "default_type application/octet-stream",
    `log_format json escape=json '${JSON.stringify(jsonLog)}'`,
    "access_log /var/log/nginx/access.log json",
    "sendfile on",
    "tcp_nopush on",
    "server_tokens off",
    "keepalive_timeout 65s",
    `client_max_body_size ${spec.clientMaxBodyMiB}m`,
    "gzip on",
    "gzip_proxied any",
    "gzip_types text/css application/javascript application/json image/svg+xml",
    "ssl_protocols TLSv1.2 TLSv1.3",
    "ssl_session_cache shared:tls:10m",
    "ssl_session_tickets off",
    `add_header X-Bascule-Side ${spec.side} always`,
  ];
}

function upstream(spec: NginxSpec): Directive {
  // max_fails=0: on loopback an instance that restarts refuses at once and costs nothing to try; counting its failures would
  // take all instances out one after the other during a rolling restart.
  return [
    "upstream app",
    ["least_conn", ...spec.upstreamPorts.map((port) => `server 127.0.0.1:${port} max_fails=0`), "keepalive 64"],
  ];
}

function plainServer(): Directive {
  return [
    "server",
    [
      "listen 80 default_server",
      "listen [::]:80 default_server",
      "server_name _",
      "return 301 https://$host$request_uri",
    ],
  ];
}

function tlsServer(spec: NginxSpec): Directive {
  const modern = traits[spec.image].http2Directive;
  const listen = modern ? "ssl default_server" : "ssl http2 default_server";
  const proxy = [
    "proxy_pass http://app",
    "proxy_http_version 1.1",
    // An empty Connection header keeps the connections to the instances open.
    'proxy_set_header Connection ""',
    "proxy_set_header Host $host",
    "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for",
    "proxy_set_header X-Forwarded-Proto $scheme",
    "proxy_set_header X-Real-IP $remote_addr",
    "proxy_connect_timeout 2s",
    "proxy_read_timeout 60s",
    // What an instance has begun to work on is repeated elsewhere only for methods that may be repeated: never a POST.
    "proxy_next_upstream error timeout http_502 http_503",
    "proxy_next_upstream_tries 3",
    "proxy_next_upstream_timeout 10s",
  ];
  return [
    "server",
    [
      `listen 443 ${listen}`,
      `listen [::]:443 ${listen}`,
      ...(modern ? ["http2 on"] : []),
      `server_name ${spec.domain}`,
      `ssl_certificate ${spec.certificate.chain}`,
      `ssl_certificate_key ${spec.certificate.key}`,
      [
        "location = /.well-known/bascule",
        ["default_type application/json", "access_log off", `return 200 '${JSON.stringify({ side: spec.side })}'`],
      ],
      ["location /", proxy],
    ],
  ];
}

function printServer(print: string): Directive {
  return ["server", [`listen ${printAddress}`, "access_log off", `return 200 "${print}"`]];
}

function serialise(directives: Directive[], depth = 0): string {
  const indent = "  ".repeat(depth);
  return directives
    .map((directive) =>
      typeof directive === "string"
        ? `${indent}${directive};\n`
        : `${indent}${directive[0]} {\n${serialise(directive[1], depth + 1)}${indent}}\n`,
    )
    .join("");
}
