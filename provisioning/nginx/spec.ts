import { isIP } from "node:net";
import type { Image } from "../image.ts";
import { SpecCheck } from "../spec.ts";

/** `normal`, only reading (GET, HEAD, OPTIONS), or nothing but the maintenance page. */
export const modes = ["normal", "read-only", "maintenance"] as const;
export type Mode = (typeof modes)[number];

/** Who may show the site in a frame: nobody, the site itself, anybody. */
export const framings = ["deny", "same-origin", "any"] as const;
export type Framing = (typeof framings)[number];

/** What nginx is to serve; see `renderNginx`. */
export interface NginxSpec {
  /** The public name. */
  domain: string;
  /** The server's own name, answered as well. */
  ownName?: string;
  /** Paths on the server. */
  certificate: { chain: string; key: string };
  /** Ports of the application's instances on loopback. */
  upstreamPorts: number[];
  /** Said in the header `X-Bascule-Side` of every answer. */
  side: "blue" | "green";
  /** Largest request body. */
  clientMaxBodyMiB: number;
  image: Image;
  /** Answered whatever the mode, and never limited. */
  healthPath?: string;
  /** Paths of the application that nobody outside sees. @default ["/metrics"] */
  privatePaths?: string[];
  /** False: set up, but nobody gets in but the insiders. @default true */
  serve?: boolean;
  /** @default "normal" */
  mode?: Mode;
  /** Who gets in while the site is closed or in maintenance, and is never limited; CIDRs. @default nobody */
  insiders?: string[];
  /** Whose `CF-Connecting-IP` is believed beside Cloudflare's own addresses; CIDRs. @default nobody */
  trustedProxies?: string[];
  /** Requests a second of one address in the long run, and how many more at once. @default 100 and 200 */
  rate?: { perSecond: number; burst: number };
  /** How long browsers insist on TLS; 0 leaves the header out. @default a year */
  hstsSeconds?: number;
  /** @default "same-origin" */
  frames?: Framing;
  /** How long an instance may take for an answer before another is asked. @default 30 */
  appTimeoutSeconds?: number;
  /** Port of the HTTP cache on loopback; reading goes through it. @default no cache */
  cachePort?: number;
}

/** A specification with everything decided. */
export type Site = Required<Omit<NginxSpec, "ownName" | "healthPath" | "cachePort">> &
  Pick<NginxSpec, "ownName" | "healthPath" | "cachePort">;

/** Checks the specification and fills in what it leaves open. */
export function siteOf(spec: NginxSpec): Site {
  const site: Site = {
    privatePaths: ["/metrics"],
    serve: true,
    mode: "normal",
    insiders: [],
    trustedProxies: [],
    rate: { perSecond: 100, burst: 200 },
    hstsSeconds: 31_536_000,
    frames: "same-origin",
    appTimeoutSeconds: 30,
    ...spec,
  };
  refuseBadSite(site);
  return site;
}

function refuseBadSite(site: Site): void {
  const file = /^\/[\w./-]+$/;
  const check = new SpecCheck("nginx")
    .domain("domain", site.domain)
    .matches("certificate.chain", site.certificate.chain, file, "an absolute path on the server")
    .matches("certificate.key", site.certificate.key, file, "an absolute path on the server")
    .that(site.side === "blue" || site.side === "green", "side", site.side, "blue, green")
    .that(site.upstreamPorts.length > 0, "upstreamPorts", site.upstreamPorts, "at least one port of the application")
    .integer("clientMaxBodyMiB", site.clientMaxBodyMiB, 1, 10_240)
    .that(modes.includes(site.mode), "mode", site.mode, modes.join(", "))
    .that(framings.includes(site.frames), "frames", site.frames, framings.join(", "))
    .integer("rate.perSecond", site.rate.perSecond, 1, 100_000)
    .integer("rate.burst", site.rate.burst, 0, 1_000_000)
    .integer("hstsSeconds", site.hstsSeconds, 0, 63_072_000)
    .integer("appTimeoutSeconds", site.appTimeoutSeconds, 1, 3600);
  for (const port of site.upstreamPorts) check.port("upstreamPorts", port);
  if (site.cachePort !== undefined) check.port("cachePort", site.cachePort);
  if (site.ownName !== undefined) check.domain("ownName", site.ownName);
  for (const path of [...site.privatePaths, site.healthPath ?? "/"])
    check.matches("privatePaths, healthPath", path, /^\/[\w./~-]*$/, "paths such as /metrics");
  for (const range of site.insiders) check.that(isRange(range), "insiders", range, "addresses or ranges");
  for (const range of site.trustedProxies)
    check.that(isRange(range) && !range.endsWith("/0"), "trustedProxies", range, "addresses or ranges, not everybody");
  check.done();
}

function isRange(text: string): boolean {
  const [address = "", prefix = "0", ...rest] = text.split("/");
  const family = isIP(address);
  return family > 0 && rest.length === 0 && /^\d+$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128);
}
