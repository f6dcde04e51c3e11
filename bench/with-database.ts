import { type Bundle, sealBundle } from "../provisioning/bundle.ts";
import type { Planned, StackBundles } from "./stack-bundles.ts";

/** In a stack the database and its owner are resources of their own; here a bundle makes them, the same for both sides. */
export function withDatabase({ planned, settings, password }: StackBundles): Planned[] {
  const { database, role, extensions } = settings.postgres;
  const sql = [
    `SELECT 'CREATE ROLE ${role} LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${role}') \\gexec`,
    `ALTER ROLE ${role} PASSWORD '${password}';`,
    `SELECT 'CREATE DATABASE ${database} OWNER ${role}' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '${database}') \\gexec`,
    `\\connect ${database}`,
    ...extensions.map((name) => `CREATE EXTENSION IF NOT EXISTS "${name}";`),
    "",
  ].join("\n");
  const path = "/etc/bascule/database.sql";
  const bundle: Bundle = {
    service: "database",
    packages: [],
    files: [{ path, content: sql, mode: "0600", owner: "postgres", secret: true }],
    validate: [],
    units: [],
    finish: [{ name: "database", argv: ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", path], user: "postgres" }],
    probes: [],
  };
  const made: Planned = { ...sealBundle(bundle), bundle, after: ["postgres"] };
  const users = ["pgbouncer", ...planned.map(({ service }) => service).filter((name) => name.startsWith("app"))];
  return planned.flatMap((each) => {
    const own = users.includes(each.service) ? { ...each, after: [...each.after, "database"] } : each;
    return each.service === "postgres" ? [own, made] : [own];
  });
}
