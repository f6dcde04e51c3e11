import { createHash } from "node:crypto";
import type { Mirror } from "./mirror.ts";
import { renderEdge, renderFinish, renderSources } from "./scripts.ts";

/** Names of the images of the local cloud, as its APIs and services know them. */
export const IMAGE_NAMES = ["debian-12", "debian-13", "edge"] as const;
export type ImageName = (typeof IMAGE_NAMES)[number];
export type ServerImageName = Exclude<ImageName, "edge">;

/** Docker label whose value is the image's name; the local cloud finds its images by it. */
export const IMAGE_LABEL = "localcloud.image";

const SUITES: Record<ServerImageName, string> = { "debian-12": "bookworm", "debian-13": "trixie" };

/** What a provider's stock image has and a minimal Debian has not, as far as a login, cloud-init and hostctl need it. */
const SERVER_PACKAGES = [
  "ca-certificates",
  "cloud-init",
  "curl",
  "dbus",
  "iproute2",
  "iptables",
  "libpam-systemd",
  "netbase",
  "nftables",
  "openssh-server",
  "procps",
  "python3",
  "sudo",
  "systemd",
  "systemd-sysv",
];

/** DNS answers, the TLS edge, the certificate authority and the packet-filter helper run from one image. */
const EDGE_PACKAGES = [
  "curl",
  "haproxy",
  "iproute2",
  "iptables",
  "nftables",
  "openssl",
  "pdns-backend-sqlite3",
  "pdns-server",
  "pebble",
  "sqlite3",
];

/** Documentation is never read on a throw-away server and costs a third of every installation; copyright files stay. */
const SERVER_DPKG_OPTIONS = [
  "force-unsafe-io",
  "path-exclude=/usr/share/man/*",
  "path-exclude=/usr/share/info/*",
  "path-exclude=/usr/share/locale/*",
  "path-exclude=/usr/share/doc/*",
  "path-include=/usr/share/doc/*/copyright",
];

/** The schema of PowerDNS's database is shipped as documentation. */
const EDGE_DPKG_OPTIONS = ["path-include=/usr/share/doc/pdns-backend-sqlite3/*"];

/** A recipe is everything an image depends on: the same recipe always has the same tag. */
export interface ServerRecipe {
  name: ServerImageName;
  suite: string;
  packages: string[];
  dpkgOptions: string[];
  /** Lines of apt configuration for the build and, if a server can use them, for the image. */
  aptOptions: string[];
  /** Content of `debian.sources`. */
  sources: string;
  /** Shell, run inside the finished root file system. */
  finish: string;
}

export interface EdgeRecipe {
  name: "edge";
  /** Tag of the image it stands on. */
  base: string;
  /** Shell, run on top of the base. */
  script: string;
}

/** Recipe of a server image with this machine's mirrors and apt settings. */
export function serverRecipe(name: ServerImageName, mirror: Mirror): ServerRecipe {
  const suite = SUITES[name];
  const recipe = {
    name,
    suite,
    packages: SERVER_PACKAGES,
    dpkgOptions: SERVER_DPKG_OPTIONS,
    aptOptions: mirror.aptOptions,
    sources: renderSources(suite, mirror),
  };
  return { ...recipe, finish: renderFinish(recipe) };
}

/** Recipe of the image behind DNS, edge and certificate authority. */
export function edgeRecipe(mirror: Mirror): EdgeRecipe {
  const base = tagOf(serverRecipe("debian-13", mirror));
  return { name: "edge", base, script: renderEdge(EDGE_PACKAGES, EDGE_DPKG_OPTIONS) };
}

/** `localcloud/<name>:<short hash of the recipe>`. */
export function tagOf(recipe: ServerRecipe | EdgeRecipe): string {
  const hash = createHash("sha256").update(JSON.stringify(recipe)).digest("hex");
  return `localcloud/${recipe.name}:${hash.slice(0, 10)}`;
}
