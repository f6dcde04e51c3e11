import type { Bundle, BundleArchive, BundleCommand, BundleFile } from "../bundle.ts";
import { packagesFor } from "../packages.ts";
import { SpecCheck } from "../spec.ts";
import { environmentFile, template } from "../text.ts";
import { heapOptions } from "./memory.ts";
import { pm2Units } from "./pm2.ts";
import type { AppPlaces, AppSpec, MigrationsSpec } from "./spec.ts";
import { systemdUnits } from "./systemd.ts";

const scripts = "/usr/local/lib/bascule/app";
const HEALTH_SECONDS = 25;

/** A release of a Node application in several instances, rolled over one by one behind their health checks. */
export function renderApp(spec: AppSpec): Bundle {
  refuseBadSpec(spec);
  const places = placesOf(spec);
  const url = (port: number) => `http://127.0.0.1:${port}${spec.healthPath}`;
  const health = (port: number): BundleCommand => ({
    name: `health of port ${port}`,
    argv: [`${scripts}/health`, url(port), String(HEALTH_SECONDS)],
    timeout: HEALTH_SECONDS + 5,
  });
  const runtime =
    spec.runtime === "pm2" ? pm2Units(spec, places, url, HEALTH_SECONDS) : systemdUnits(spec, places, health);
  const migrations = spec.migrations ? migrationFiles(spec, spec.migrations, places) : { files: [], validate: [] };
  return {
    service: `app-${spec.name}`,
    packages: packagesFor(spec.image, ["app"]),
    files: [
      {
        path: `/etc/sysusers.d/bascule-${spec.name}.conf`,
        content: `u ${spec.user} - "Application ${spec.name}" ${places.home}\n`,
      },
      {
        path: places.environment,
        content: environmentFile({ NODE_OPTIONS: heapOptions(spec.memoryMiB), ...spec.environment }),
        mode: "0600",
        secret: true,
      },
      { path: `${scripts}/health`, content: template(new URL("./health.sh", import.meta.url)), mode: "0755" },
      ...runtime.files,
      ...migrations.files,
    ],
    archives: [nodeArchive(spec), { path: places.release, ...spec.release }],
    links: { [places.current]: places.release, ...runtime.links },
    setup: [{ name: "create user", argv: ["systemd-sysusers", `{staged}/etc/sysusers.d/bascule-${spec.name}.conf`] }],
    validate: [
      { name: "entry", argv: [places.node, "--check", `${places.release}/${spec.entry}`], timeout: 20 },
      ...runtime.validate,
      ...migrations.validate,
    ],
    units: runtime.units,
    probes: spec.ports.map((port) => ({
      name: `port ${port}`,
      argv: [`${scripts}/health`, url(port)],
      timeout: 15,
    })),
  };
}

function placesOf(spec: AppSpec): AppPlaces {
  const home = `/srv/${spec.name}`;
  return {
    home,
    release: `${home}/releases/${spec.release.sha256}`,
    current: `${home}/current`,
    environment: `/etc/bascule/app/${spec.name}.env`,
    node: `${nodeArchive(spec).path}/bin/node`,
  };
}

/** The hash in the folder's name: the same version, packed anew, is another folder and never changes one that is in use. */
export function nodeArchive({ node: { version, ...upload } }: Pick<AppSpec, "node">): BundleArchive {
  return { path: `/opt/bascule/node/${version}-${upload.sha256.slice(0, 12)}`, ...upload };
}

/** As long as a migration may take; the instances of the release before serve meanwhile. */
const MIGRATION_SECONDS = 3600;

/**
 * Run as the last of the validation: nothing of the release is live yet, and when a migration fails nothing will be. The release
 * before serves on, with what the migrations before the failed one left, so they are written for both.
 */
function migrationFiles(
  spec: AppSpec,
  migrations: MigrationsSpec,
  places: AppPlaces,
): { files: BundleFile[]; validate: BundleCommand[] } {
  const config = `/etc/bascule/app/${spec.name}.migrations.json`;
  const password = `/etc/bascule/app/${spec.name}.database-password`;
  const { password: secret, ...connection } = migrations;
  const content = {
    ...connection,
    host: "127.0.0.1",
    sslmode: "require",
    user: spec.user,
    release: places.release,
    backups: `/var/backups/bascule/${spec.name}`,
  };
  return {
    files: [
      { path: `${scripts}/migrate`, content: template(new URL("./migrate.py", import.meta.url)), mode: "0755" },
      { path: config, content: `${JSON.stringify(content, null, 2)}\n` },
      { path: password, content: `${secret}\n`, mode: "0600", secret: true },
    ],
    validate: [
      {
        name: "migrations",
        argv: [
          `{staged}${scripts}/migrate`,
          "--config",
          `{staged}${config}`,
          "--password-file",
          `{staged}${password}`,
          "apply",
        ],
        timeout: MIGRATION_SECONDS,
      },
    ],
  };
}

function refuseBadSpec(spec: AppSpec): void {
  const check = new SpecCheck("app")
    .matches("name", spec.name, /^[a-z][a-z0-9-]{0,30}$/, "lower-case letters, digits and -")
    .matches("user", spec.user, /^[a-z][a-z0-9-]{0,30}$/, "lower-case letters, digits and -")
    .that(!["root", "postgres", "www-data"].includes(spec.user), "user", spec.user, "a user of its own")
    .matches("node.version", spec.node.version, /^\d+\.\d+\.\d+$/, "a whole version such as 24.21.0")
    .matches("entry", spec.entry, /^(?!.*\.\.)[\w.-]+(\/[\w.-]+)*$/, "a relative path in the release")
    .matches("healthPath", spec.healthPath, /^\/[\w./-]*$/, "a path such as /api/health")
    .integer("memoryMiB", spec.memoryMiB, 64, 65_536)
    .that(spec.ports.length > 0, "ports", spec.ports, "at least one port")
    .that(new Set(spec.ports).size === spec.ports.length, "ports", spec.ports, "each port once");
  for (const field of ["release", "node"] as const) {
    check
      .matches(`${field}.sha256`, spec[field].sha256, /^[0-9a-f]{64}$/, "64 hex digits")
      .matches(`${field}.upload`, spec[field].upload, /^(?!.*\.\.)\/[\w./-]+$/, "an absolute path on the server");
  }
  for (const port of spec.ports) check.port("ports", port);
  if (spec.migrations) {
    check
      .port("migrations.port", spec.migrations.port)
      .identifier("migrations.database", spec.migrations.database)
      .identifier("migrations.role", spec.migrations.role)
      .password("migrations.password", spec.migrations.password);
  }
  for (const [key, value] of Object.entries(spec.environment)) {
    check.matches("environment", key, /^[A-Z_][A-Z0-9_]*$/, "names of capital letters, digits and _");
    check.that(!/[\n\r\0]/.test(value), `environment.${key}`, "(not shown)", "a single line");
    check.that(key !== "PORT", "environment", key, "PORT is set per instance");
  }
  check.done();
}
