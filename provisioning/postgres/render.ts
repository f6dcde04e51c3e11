import type { Bundle, BundleFile } from "../bundle.ts";
import { type Image, traits } from "../image.ts";
import { packagesFor } from "../packages.ts";
import { sandbox } from "../sandbox.ts";
import { SpecCheck } from "../spec.ts";
import { ini, keyValues, type Scalar, template } from "../text.ts";
import { scramSecret } from "./scram.ts";
import { type TuningInput, tune } from "./tuning.ts";

export interface PostgresSpec extends TuningInput {
  /** Decides the major version: the one the distribution carries. */
  image: Image;
  /** A superuser, reached through the SSH forward only. */
  adminUser: string;
  adminPassword: string;
  /** Libraries loaded at start, such as `pg_stat_statements`. Changing them restarts PostgreSQL. */
  preload: string[];
  /** Changing them restarts PostgreSQL. @default ["localhost"] */
  listenAddresses?: string[];
  /** Who may come from elsewhere, always over TLS; loopback is always open to every role with its password, over TLS too. */
  allow?: { database: string; user: string; cidr: string }[];
  /** When changes that take a restart are made live, `HH:MM-HH:MM` in UTC. @default at once */
  restartWindow?: string;
  /** A file whose settings hold as well where it is there; whoever owns it writes it, and it is no drift. Absolute. */
  include?: string;
}

/** The role PgBouncer asks for passwords as; it has none itself, the operating system's user postgres may log in as it. */
export const poolAuthRole = "pgbouncer_auth";

const scripts = "/usr/local/lib/bascule/postgres";

/** The cluster `main`, with data checksums, computed settings, its own pg_hba.conf and an administrator. */
export function renderPostgres(spec: PostgresSpec): Bundle {
  refuseBadSpec(spec);
  const version = String(traits[spec.image].postgres);
  const folder = `/etc/postgresql/${version}/main`;
  // Two files, because PostgreSQL takes some settings over only when it is restarted: a change in the first one does that.
  const restart = `${folder}/postgresql.conf`;
  const reload = `${folder}/conf.d/bascule.conf`;
  const access = [`${folder}/pg_hba.conf`, `${folder}/pg_ident.conf`];
  const settings = settingsOf(spec, folder);
  const unit = `postgresql@${version}-main.service`;
  return {
    service: "postgres",
    images: [spec.image],
    packages: packagesFor(spec.image, ["postgres"]),
    files: [
      owned(restart, `${keyValues(settings.restart, " = ")}include_dir = 'conf.d'\n`, "0644"),
      owned(reload, `${keyValues(settings.reload, " = ")}${included(spec)}`, "0644"),
      owned(`${folder}/pg_hba.conf`, hostBasedAccess(spec), "0640"),
      // PgBouncer runs as postgres.
      owned(`${folder}/pg_ident.conf`, `pgbouncer postgres ${poolAuthRole}\n`, "0640"),
      { path: `/etc/systemd/system/${unit}.d/bascule.conf`, content: unitDropIn() },
      { path: "/etc/bascule/postgres/admin.sql", content: adminSql(spec) },
      // By itself, because hostctl withholds every word of a secret file from what it says.
      {
        path: "/etc/bascule/postgres/admin-secret",
        content: `${scramSecret(spec.adminUser, spec.adminPassword)}\n`,
        mode: "0600",
        secret: true,
      },
      { path: "/etc/bascule/postgres/guarded", content: guarded(settings) },
      ...["cluster", "validate", "admin", "repair", "probe"].map((name) => script(`./${name}.sh`, name)),
      script("../self-signed.sh", "self-signed"),
    ],
    // A file beside ours in there would be read too.
    exclusive: { [`${folder}/conf.d`]: [] },
    setup: [
      { name: "create cluster", argv: [`{staged}${scripts}/cluster`, version], timeout: 120 },
      {
        name: "create certificate",
        argv: [`{staged}${scripts}/self-signed`, `${folder}/server.crt`, `${folder}/server.key`, "postgres:postgres"],
      },
    ],
    validate: [
      {
        name: "read settings",
        argv: [`{staged}${scripts}/validate`, version, `{staged}${folder}`],
        timeout: 20,
      },
    ],
    units: [
      {
        name: unit,
        onChange: "reload",
        watches: [reload, ...access],
        restartOn: [restart],
        ...(spec.restartWindow === undefined ? {} : { restartWindow: spec.restartWindow }),
      },
    ],
    finish: [
      { name: "administrator", argv: [`${scripts}/admin`], timeout: 60 },
      { name: "settings past the files", argv: [`${scripts}/repair`], timeout: 60 },
    ],
    probes: [
      {
        name: "running settings",
        argv: [`${scripts}/probe`, restart, reload, ...access],
        user: "postgres",
        timeout: 60,
      },
    ],
  };
}

function script(source: string, name: string): BundleFile {
  return { path: `${scripts}/${name}`, content: template(new URL(source, import.meta.url)), mode: "0755" };
}

function included({ include }: PostgresSpec): string {
  return include === undefined ? "" : `include_if_exists = '${include}'\n`;
}

function refuseBadSpec(spec: PostgresSpec): void {
  const check = new SpecCheck("postgres")
    .integer("memoryMiB", spec.memoryMiB, 256, 4_194_304)
    .integer("cores", spec.cores, 1, 1024)
    .integer("diskGiB", spec.diskGiB, 10, 1_048_576)
    .integer("maxConnections", spec.maxConnections, 10, 5000)
    .identifier("adminUser", spec.adminUser)
    .that(
      spec.adminUser !== "postgres",
      "adminUser",
      spec.adminUser,
      "any other name: postgres belongs to local maintenance",
    )
    .password("adminPassword", spec.adminPassword)
    .matches(
      "restartWindow",
      spec.restartWindow ?? "00:00-01:00",
      /^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$/,
      "two times of the day in UTC, such as 02:00-04:00",
    );
  if (spec.include !== undefined) check.matches("include", spec.include, /^(\/[\w.-]+)+$/, "an absolute path");
  for (const library of spec.preload) check.identifier("preload", library);
  for (const address of spec.listenAddresses ?? []) {
    check.matches("listenAddresses", address, /^(localhost|[0-9a-f:.]+)$/, "localhost or addresses of this server");
    check.that(
      !/^(0\.0\.0\.0|::)$/.test(address),
      "listenAddresses",
      address,
      "addresses one by one, never all of them",
    );
  }
  for (const entry of spec.allow ?? []) {
    check.identifier("allow.database", entry.database).identifier("allow.user", entry.user);
    check.matches(
      "allow.cidr",
      entry.cidr,
      /^[0-9a-f:.]+\/([1-9][0-9]*)$/,
      "a network such as 10.20.1.0/24, not everybody",
    );
  }
  check.done();
}

function owned(path: string, content: string, mode: string): BundleFile {
  return { path, content, mode, owner: "postgres", group: "postgres" };
}

interface Settings {
  restart: Record<string, Scalar>;
  reload: Record<string, Scalar>;
}

function settingsOf(spec: PostgresSpec, folder: string): Settings {
  const tuned = tune(spec);
  const version = traits[spec.image].postgres;
  return {
    restart: {
      ...tuned.restart,
      cluster_name: `'${version}/main'`,
      data_directory: `'/var/lib/postgresql/${version}/main'`,
      external_pid_file: `'/run/postgresql/${version}-main.pid'`,
      hba_file: `'${folder}/pg_hba.conf'`,
      ident_file: `'${folder}/pg_ident.conf'`,
      port: 5432,
      unix_socket_directories: "'/run/postgresql'",
      listen_addresses: `'${(spec.listenAddresses ?? ["localhost"]).join(",")}'`,
      shared_preload_libraries: `'${[...spec.preload].sort().join(",")}'`,
      // The way back streams changes to blue; turned on later it would cost a restart in the middle of a move.
      wal_level: "logical",
    },
    reload: {
      ...tuned.reload,
      datestyle: "'iso, mdy'",
      default_text_search_config: "'pg_catalog.english'",
      idle_in_transaction_session_timeout: "'5min'",
      lc_messages: "'C.UTF-8'",
      log_autovacuum_min_duration: "'10s'",
      log_line_prefix: "'%m [%p] %q%u@%d/%a '",
      log_lock_waits: "on",
      log_min_duration_statement: "'1s'",
      log_temp_files: "'10MB'",
      log_timezone: "'Etc/UTC'",
      password_encryption: "'scram-sha-256'",
      // The text of CREATE ROLE and ALTER ROLE holds what a password is checked against.
      ...(spec.preload.includes("pg_stat_statements") ? { "pg_stat_statements.track_utility": "off" } : {}),
      ssl: "on",
      ssl_cert_file: `'${folder}/server.crt'`,
      ssl_key_file: `'${folder}/server.key'`,
      ssl_min_protocol_version: "'TLSv1.2'",
      timezone: "'Etc/UTC'",
      track_io_timing: "on",
    },
  };
}

/** A role or a database may have its own of these: reports sort more, a nightly job runs longer. */
const ownChoice = [
  "datestyle",
  "default_text_search_config",
  "idle_in_transaction_session_timeout",
  "log_min_duration_statement",
  "maintenance_work_mem",
  "max_parallel_workers_per_gather",
  "timezone",
  "work_mem",
];

/** Not in our files, and yet nobody may set them for a role or a database: data would be lost or checks passed by. */
const neverSet = [
  "ignore_checksum_failure",
  "local_preload_libraries",
  "row_security",
  "session_preload_libraries",
  "session_replication_role",
  "synchronous_commit",
  "zero_damaged_pages",
];

function guarded({ restart, reload }: Settings): string {
  const names = [...Object.keys(restart), ...Object.keys(reload)].filter((name) => !ownChoice.includes(name));
  return `${[...names, ...neverSet].sort().join("\n")}\n`;
}

/**
 * Debian's unit starts PostgreSQL as root and lets it change its user; started as postgres it needs nothing of root's. Data, WAL
 * archive and backups made by the server itself lie in /var/lib/postgresql.
 */
function unitDropIn(): string {
  const writable = ["/run/postgresql", "/var/lib/postgresql", "/var/log/postgresql"];
  return ini({ Service: { User: "postgres", Group: "postgres", ...sandbox({ writable, jit: true }) } });
}

function hostBasedAccess(spec: PostgresSpec): string {
  const lines = [
    ["local", "all", "postgres", "", "peer"],
    ["local", "all", poolAuthRole, "", "peer", "map=pgbouncer"],
    ["local", "all", "all", "", "scram-sha-256"],
    ["hostssl", "all", "all", "127.0.0.1/32", "scram-sha-256"],
    ["hostssl", "all", "all", "::1/128", "scram-sha-256"],
    ["local", "replication", "postgres", "", "peer"],
    ...(spec.allow ?? []).map(({ database, user, cidr }) => ["hostssl", database, user, cidr, "scram-sha-256"]),
  ];
  return lines.map((line) => `${line.filter((field) => field !== "").join(" ")}\n`).join("");
}

function adminSql(spec: PostgresSpec): string {
  return template(new URL("./admin.sql", import.meta.url)).replaceAll("@USER@", spec.adminUser);
}
