import type { Monitor, Pool } from "../../cloudflare/state.ts";
import type { ServerLine } from "./origins.ts";
import { PATHS } from "./paths.ts";

const AGENT = "Mozilla/5.0 (compatible; Cloudflare-Traffic-Manager/1.0; local cloud)";
/** A failed check is repeated this fast before an origin counts as unhealthy. */
const RETRY_EVERY = 1;
/** Cloudflare asks from many places, so that a recovered origin is noticed long before one interval is over. */
const RECOVERY_EVERY = 5;
const METHOD = /^[A-Z]+$/;

/** The backend that only watches: the others take the state of its servers. */
export function renderHealth(pool: Pool, servers: ServerLine[], monitor: Monitor | undefined): string {
  const lines = [`backend health-${pool.id}`];
  if (monitor === undefined) {
    return `${[...lines, ...servers.map(({ name, address, port }) => `  server ${name} ${address}:${port ?? 80}`)].join("\n")}\n`;
  }
  const { interval = 60, timeout = 5, retries = 2 } = monitor;
  const fall = Math.max(retries + 1, monitor.consecutive_down ?? 0);
  const rise = Math.max(1, monitor.consecutive_up ?? 0);
  const rhythm = `inter ${interval}s fastinter ${Math.min(interval, RETRY_EVERY)}s downinter ${Math.min(interval, RECOVERY_EVERY)}s`;
  return `${[
    ...lines,
    `  timeout connect ${timeout}s`,
    `  timeout check ${timeout}s`,
    ...protocol(monitor, servers),
    ...servers.map(({ name, address, port }) => {
      const target = `${address}:${port ?? portOf(monitor)}`;
      const own = monitor.port ? ` port ${monitor.port}` : "";
      return `  server ${name} ${target} check${own} ${rhythm} fall ${fall} rise ${rise}${tls(monitor)}`;
    }),
  ].join("\n")}\n`;
}

function portOf(monitor: Monitor): number {
  return monitor.port || (monitor.type === "https" ? 443 : 80);
}

function protocol(monitor: Monitor, servers: ServerLine[]): string[] {
  switch (monitor.type) {
    case "tcp":
      return [];
    case "smtp":
      return ["  option smtpchk"];
    default:
      return httpCheck(monitor, servers);
  }
}

function httpCheck(monitor: Monitor, servers: ServerLine[]): string[] {
  const method = METHOD.test(monitor.method ?? "") ? monitor.method : "GET";
  const headers = Object.entries(monitor.header ?? {}).filter(([name]) => name.toLowerCase() !== "host");
  const sent = [
    `meth ${method} uri ${quote(monitor.path ?? "/")} ver HTTP/1.1`,
    `hdr Host ${quoteFormat(hostOf(monitor) ?? servers[0]?.address ?? "localhost")}`,
    `hdr User-Agent ${quoteFormat(AGENT)}`,
    "hdr Connection close",
    ...headers.flatMap(([name, values]) => values.map((value) => `hdr ${name} ${quoteFormat(value)}`)),
  ];
  const body = monitor.expected_body ? [`  http-check expect string ${quote(monitor.expected_body)}`] : [];
  return [
    "  option httpchk",
    `  http-check send ${sent.join(" ")}`,
    `  http-check expect status ${statusesOf(monitor)}`,
    ...body,
  ];
}

/** `2xx,301` as ranges. */
function statusesOf(monitor: Monitor): string {
  const codes = (monitor.expected_codes || "200").toLowerCase().split(",");
  const extra = monitor.follow_redirects ? ["300-399"] : [];
  return [...codes.map((code) => code.trim().replace(/^(\d)xx$/, "$100-$199")), ...extra].join(",");
}

function tls(monitor: Monitor): string {
  if (monitor.type !== "https") {
    return "";
  }
  const host = hostOf(monitor);
  const sni = host === undefined ? "" : ` check-sni ${host}`;
  return monitor.allow_insecure
    ? ` check-ssl verify none${sni}`
    : ` check-ssl verify required ca-file ${PATHS.roots}${sni}`;
}

function hostOf(monitor: Monitor): string | undefined {
  const entry = Object.entries(monitor.header ?? {}).find(([name]) => name.toLowerCase() === "host");
  return entry?.[1][0];
}

/** For the configuration file: everything is literal but the quote itself. */
function quote(text: string): string {
  return `"${text.replace(/[\\"$]/g, (special) => `\\${special}`)}"`;
}

/** The same where the proxy would expand `%`. */
function quoteFormat(text: string): string {
  return quote(text.replaceAll("%", "%%"));
}
