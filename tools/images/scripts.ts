import type { Mirror } from "./mirror.ts";

/** As much of a recipe as the scripts are made of. */
interface Contents {
  packages: string[];
  dpkgOptions: string[];
  aptOptions: string[];
  sources: string;
}

/** Only the seed directory is searched for user data, and Docker alone owns addresses and name resolution. */
const CLOUD_INIT = `datasource_list: [NoCloud, None]
network: {config: disabled}
apt: {preserve_sources_list: true}
locale: false
`;

/** The sources of a release with its updates and security updates, in apt's own format. */
export function renderSources(suite: string, mirror: Mirror): string {
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

/** What goes before the first package where the start is somebody's ready image: the mirrors, and no documentation. */
export function renderPrepare(recipe: Contents): string {
  return `set -eu
rm -f /etc/apt/apt.conf.d/docker-* /etc/apt/sources.list.d/*
${writeFile(["/etc/dpkg/dpkg.cfg.d/90server", lines(recipe.dpkgOptions)])}
${writeFile(["/etc/apt/apt.conf.d/90build-machine", lines(recipe.aptOptions.filter(usableInServer))])}
${writeFile(["/etc/apt/sources.list.d/debian.sources", recipe.sources])}
apt-get update
DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ${recipe.packages.join(" ")}
`;
}

/** Adds packages to a server image that is only ever run one program at a time. */
export function renderEdge(packages: string[], dpkgOptions: string[]): string {
  return `set -eu
${writeFile(["/etc/dpkg/dpkg.cfg.d/91edge", lines(dpkgOptions)])}
# Nothing may start while the image is made.
printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d
chmod +x /usr/sbin/policy-rc.d
apt-get update
DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ${packages.join(" ")}
rm -f /usr/sbin/policy-rc.d /var/cache/apt/archives/*.deb
`;
}

/** Makes a finished root file system into a server: its settings, and nothing of the machine it was made on. */
export function renderFinish(recipe: Contents): string {
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

function lines(options: string[]): string {
  return options.map((option) => `${option}\n`).join("");
}
