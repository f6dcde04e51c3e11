/** The Debian releases the bundles are written for. */
export type DebianRelease = 12 | 13;

/** The services that bring packages of their own. */
export type PackagedService = "postgres" | "pgbouncer" | "redis" | "tls" | "app" | "nginx";

/** What Debian's own repositories carry of each service: 13 has moved on to PostgreSQL 17 and Valkey. */
const packages: Record<PackagedService, Record<DebianRelease, string[]>> = {
  postgres: { 12: ["postgresql-15"], 13: ["postgresql-17"] },
  pgbouncer: { 12: ["pgbouncer", "postgresql-client-15"], 13: ["pgbouncer", "postgresql-client-17"] },
  redis: { 12: ["redis-server", "redis-tools"], 13: ["valkey-server", "valkey-tools"] },
  tls: { 12: ["ca-certificates", "lego", "openssl"], 13: ["ca-certificates", "lego", "openssl"] },
  app: { 12: ["curl", "nodejs"], 13: ["curl", "nodejs"] },
  // logrotate: minimal images lack it, and the access log would fill the disk.
  nginx: { 12: ["curl", "logrotate", "nginx"], 13: ["curl", "logrotate", "nginx"] },
};

/** The packages of these services, sorted, each once: what `renderBase` installs in one go. */
export function packagesFor(debian: DebianRelease, services: readonly PackagedService[]): string[] {
  return [...new Set(services.flatMap((service) => packages[service][debian]))].sort();
}
