import { type Image, traits } from "./image.ts";

/** The services that bring packages of their own. */
export type PackagedService =
  | "base"
  | "access"
  | "firewall"
  | "fail2ban"
  | "postgres"
  | "pgbouncer"
  | "redis"
  | "tls"
  | "app"
  | "nginx"
  | "varnish";

/** What the distributions' own repositories carry of each service. */
const packages: Record<PackagedService, (image: Image) => string[]> = {
  // libpam-systemd: without it a login lives in sshd's own control group.
  base: () => ["debsums", "libpam-systemd", "needrestart", "systemd-timesyncd", "unattended-upgrades"],
  access: () => ["openssh-server", "sudo"],
  firewall: () => ["nftables"],
  // python3-systemd: without it fail2ban cannot read the journal, and nothing else has the logins.
  fail2ban: () => ["fail2ban", "nftables", "python3-systemd"],
  postgres: (image) => ["openssl", `postgresql-${traits[image].postgres}`],
  pgbouncer: (image) => ["ca-certificates", "openssl", "pgbouncer", `postgresql-client-${traits[image].postgres}`],
  redis: (image) => [`${traits[image].cache}-server`, `${traits[image].cache}-tools`],
  tls: () => ["ca-certificates", "lego", "openssl"],
  // Node.js comes with the application's bundle: no distribution carries a version that is maintained.
  app: (image) => ["curl", `postgresql-client-${traits[image].postgres}`],
  // logrotate: minimal images lack it, and the access log would fill the disk.
  nginx: () => ["curl", "libnginx-mod-http-brotli-filter", "logrotate", "nginx", "openssl"],
  // Brings a C compiler: the cache's configuration is compiled on the server.
  varnish: (image) => ["curl", traits[image].httpCache],
};

/** The packages of these services, sorted, each once: what `renderBase` installs in one go. */
export function packagesFor(image: Image, services: readonly PackagedService[]): string[] {
  return [...new Set(services.flatMap((service) => packages[service](image)))].sort();
}
