import type { Monitor, Pool } from "../../cloudflare/state.ts";
import type { Model } from "../model.ts";
import { renderHealth } from "./health.ts";
import { MODE_PORT, ORIGIN_MODES, type OriginMode } from "./modes.ts";
import { type ServerLine, serverOf } from "./origins.ts";
import { PATHS, PORTS } from "./paths.ts";

const GLOBAL = `global
  log stdout format raw local0
  stats socket ipv4@127.0.0.1:${PORTS.runtime} level admin
  server-state-file ${PATHS.serverStates}
  lua-load ${PATHS.steering}
  maxconn 8192
  nbthread 2
  hard-stop-after 10m
  # Every origin is checked at once after a start, not somewhere in its first interval.
  max-spread-checks 50ms
  ssl-default-bind-options ssl-min-ver TLSv1.0
  tune.ssl.default-dh-param 2048

defaults
  mode http
  log global
  option httplog
  option dontlog-normal
  load-server-state-from-file global
  timeout connect 4s
  timeout client 75s
  timeout http-request 30s
  timeout http-keep-alive 75s
  timeout server 100s
  timeout queue 5s
  timeout tunnel 1h
  # A request that meets a closed or refusing origin is tried again; one that may have had an effect only if nothing was sent.
  retries 2
  option redispatch 1
  retry-on conn-failure empty-response response-timeout
  # Origins close idle connections when they reload; a new one for each request cannot be closed at the wrong moment.
  option http-server-close
  # A worker that is being replaced closes an idle connection only after one more answer, so that no client is cut off.
  option idle-close-on-response
  errorfile 502 ${PATHS.errors}/520.http
  errorfile 503 ${PATHS.errors}/521.http
  errorfile 504 ${PATHS.errors}/524.http
`;

const FRONTEND = `frontend edge
  bind :80
  bind :443 ssl crt-list ${PATHS.certificates} strict-sni alpn h2,http/1.1
  unique-id-format %[uuid(4),regsub(-,,g),bytes(0,16)]
  http-request set-var(txn.host) req.hdr(host),field(1,:),lower
  http-request set-var(txn.ray) unique-id
  http-request del-header CF-Ray
  http-request lua.steer
  http-request redirect scheme https code 301 if { var(txn.refusal) -m str scheme }
  http-request return status 409 content-type text/plain string "error code: 1001" if { var(txn.refusal) -m str name }
  http-request return status 530 content-type text/plain string "error code: 1016" if { var(txn.refusal) -m str origin }
  http-request disable-l7-retry unless { method GET HEAD OPTIONS }
  http-request set-header CF-Connecting-IP %[src]
  http-request set-header CF-Ray %[var(txn.ray)]-LCL
  http-request set-header CF-Visitor '{"scheme":"https"}' if { ssl_fc }
  http-request set-header CF-Visitor '{"scheme":"http"}' unless { ssl_fc }
  http-request set-header X-Forwarded-Proto https if { ssl_fc }
  http-request set-header X-Forwarded-Proto http unless { ssl_fc }
  option forwardfor
  http-response lua.remember
  http-after-response set-status 526 reason "Invalid SSL Certificate" if { status 521 } { ssl_bc_err_str -m sub "certificate verify failed" }
  http-after-response set-status 525 reason "SSL Handshake Failed" if { status 521 } { ssl_bc_err gt 0 }
  http-after-response set-header Server cloudflare
  http-after-response set-header CF-Ray %[var(txn.ray)]-LCL
  use_backend %[var(txn.backend)]
`;

/** The whole configuration of the proxy but for weights and names, which are in the routes. */
export function renderHaproxy(model: Model): string {
  const pools = [...model.pools].sort((a, b) => (a.id < b.id ? -1 : 1));
  return [
    GLOBAL,
    FRONTEND,
    ...ORIGIN_MODES.map(renderRecordBackend),
    ...pools.flatMap((pool) => renderPool(pool, model)),
  ].join("\n");
}

/** Certificate files for SNI, each with the TLS version its zone asks for at least. */
export function renderCertificateList(entries: { file: string; minimum: string; names: string[] }[]): string {
  return entries
    .map(({ file, minimum, names }) => `${file} [ssl-min-ver TLSv${minimum}] ${names.join(" ")}\n`)
    .sort()
    .join("");
}

/** Origins of proxied records: the address comes with each request, so that a changed record takes no reload. */
function renderRecordBackend(mode: OriginMode): string {
  return `backend record-${mode}
  http-request set-dst var(txn.address)
  server origin 0.0.0.0:${MODE_PORT[mode]}${transport(mode)}
`;
}

function renderPool(pool: Pool, model: Model): string[] {
  const servers = pool.origins
    .filter((origin) => origin.enabled !== false)
    .flatMap((origin) => serverOf(origin, model));
  const monitor = model.monitors.find((each) => each.id === pool.monitor);
  const checked = monitor !== undefined && isChecked(monitor);
  return [
    `# ${pool.name}\n${renderHealth(pool, servers, checked ? monitor : undefined)}`,
    ...ORIGIN_MODES.map((mode) => renderPoolBackend(pool, servers, checked, mode)),
  ];
}

/** A ping is not sent, so who asks for one is taken to be healthy. */
function isChecked(monitor: Monitor): boolean {
  return ["http", "https", "tcp", "smtp"].includes(monitor.type ?? "http");
}

/**
 * Healthy origins by weight; all of them, healthy or not, when none is: that is how a fallback pool serves. The cookie's origin comes
 * first while it is up.
 */
function renderPoolBackend(pool: Pool, servers: ServerLine[], checked: boolean, mode: OriginMode): string {
  const host = commonHost(pool);
  const lines = servers.flatMap(({ name, address, port, weight }) => {
    const line = `${address}:${port ?? MODE_PORT[mode]} weight ${weight}${transport(mode, host)}`;
    const track = checked ? ` track health-${pool.id}/${name}` : "";
    const regardless = checked ? [`  server ${name}-regardless ${line} backup`] : [];
    return [`  server ${name} ${line}${track}`, ...regardless];
  });
  const override = host === undefined ? [] : [`  http-request set-header Host ${host}`];
  return `${[
    `backend pool-${pool.id}-${mode}`,
    `  balance ${pool.origin_steering?.policy === "hash" ? "source" : "roundrobin"}`,
    "  option allbackups",
    ...override,
    "  use-server %[var(txn.origin)] if { var(txn.origin) -m found }",
    ...lines,
  ].join("\n")}\n`;
}

/** TLS towards an origin: the requested name in SNI; `strict` wants a certificate of our own authority for it. */
function transport(mode: OriginMode, host?: string): string {
  if (mode === "http") {
    return "";
  }
  const sni = host === undefined ? "var(txn.host)" : `str(${host})`;
  const verify = mode === "strict" ? `verify required ca-file ${PATHS.roots}` : "verify none";
  return ` ssl ${verify} sni ${sni} alpn http/1.1`;
}

/** The Host header that all origins of a pool ask for; where they differ each request keeps its own. */
function commonHost(pool: Pool): string | undefined {
  const hosts = new Set(pool.origins.map((origin) => origin.header?.Host?.[0]));
  const [host] = hosts;
  return hosts.size === 1 ? host : undefined;
}
