import { createHash } from "node:crypto";
import type { Mirror } from "./mirror.ts";

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

/** Only the seed directory is searched for user data, and Docker alone owns addresses and name resolution. */
const CLOUD_INIT = `datasource_list: [NoCloud, None]
network: {config: disabled}
apt: {preserve_sources_list: true}
locale: false
`;

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
  packages: string[];
  dpkgOptions: string[];
  /** Tag of the image it stands on. */
  base: string;
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
  return {
    name: "edge",
    packages: EDGE_PACKAGES,
    dpkgOptions: EDGE_DPKG_OPTIONS,
    base: tagOf(serverRecipe("debian-13", mirror)),
  };
}

/** `localcloud/<name>:<short hash of the recipe>`. */
export function tagOf(recipe: ServerRecipe | EdgeRecipe): string {
  const hash = createHash("sha256").update(JSON.stringify(recipe)).digest("hex");
  return `localcloud/${recipe.name}:${hash.slice(0, 10)}`;
}

function renderSources(suite: string, mirror: Mirror): string {
  const signedBy = "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg";
  return [
    `Types: deb\nURIs: ${mirror.archive}\nSuites: ${suite} ${suite}-updates\nComponents: main\n${signedBy}\n`,
    `Types: deb\nURIs: ${mirror.security}\nSuites: ${suite}-security\nComponents: main\n${signedBy}\n`,
  ].join("\n");
}

/** A proxy on the build machine's loopback, or a file of the build machine, means nothing inside a server. */
function usableInServer(option: string): boolean {
  return !/(\/\/|@)(localhost|127\.|\[::1\])|::CAInfo /.test(option);
}

function renderFinish(recipe: Omit<ServerRecipe, "finish">): string {
  const aptOptions = ['Acquire::Languages "none";', ...recipe.aptOptions.filter(usableInServer)];
  const files: Record<string, string> = {
    "/etc/apt/sources.list.d/debian.sources": recipe.sources,
    "/etc/apt/apt.conf.d/90build-machine": `${aptOptions.join("\n")}\n`,
    "/etc/dpkg/dpkg.cfg.d/90server": `${recipe.dpkgOptions.join("\n")}\n`,
    "/etc/cloud/cloud.cfg.d/90-local.cfg": CLOUD_INIT,
    "/etc/default/locale": "LANG=C.UTF-8\n",
    "/etc/systemd/journald.conf.d/90-size.conf": "[Journal]\nSystemMaxUse=64M\n",
  };
  return `set -eu
rm -f /etc/apt/sources.list /etc/apt/sources.list.d/* /etc/apt/apt.conf.d/99mmdebstrap /etc/dpkg/dpkg.cfg.d/99mmdebstrap
rm -f /etc/ssh/ssh_host_* /usr/sbin/policy-rc.d
# The build machine's own; Docker brings its own on every start.
rm -f /etc/hostname /etc/resolv.conf || true
${Object.entries(files).map(writeFile).join("")}
# Excluded, but links into them are made by packages that offer alternatives.
for section in 1 2 3 4 5 6 7 8; do mkdir -p /usr/share/man/man$section; done
# Daily updates start at a random moment and hold the package lock.
systemctl mask --quiet apt-daily.timer apt-daily-upgrade.timer apt-daily.service apt-daily-upgrade.service
# The ready package cache saves every first installation its building.
apt-cache gencaches
rm -rf /var/cache/apt/archives/*.deb /var/lib/cloud /var/log/*.log /var/log/apt
: > /etc/machine-id
`;
}

function writeFile([path, content]: [string, string]): string {
  const directory = path.slice(0, path.lastIndexOf("/"));
  return `mkdir -p ${directory}\ncat > ${path} <<'END_OF_FILE'\n${content}END_OF_FILE\n`;
}
