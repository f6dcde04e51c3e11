import type { Bundle, BundleFile } from "../bundle.ts";
import { type Image, traits } from "../image.ts";
import { packagesFor } from "../packages.ts";
import { poolAuthRole } from "../postgres/render.ts";
import { reachable, sandbox } from "../sandbox.ts";
import { SpecCheck } from "../spec.ts";
import { ini, template } from "../text.ts";
import { blueTls, clientsFile, type PooledMove, writerFiles, writerLink } from "./writer.ts";

export interface PgBouncerSpec {
  /** Port on 127.0.0.1 the application connects to. */
  port: number;
  /** Must exist. Every role PostgreSQL lets in may come through the pool, with the password it has there. */
  database: string;
  /** Connections to PostgreSQL per role. */
  poolSize: number;
  maxClientConnections: number;
  /** Whether clients may name statements and use them again. @default where the image's PgBouncer can */
  preparedStatements?: boolean | undefined;
  /** Where statements go while data moves by replication: to one of two databases, as the mover says. @default only to this host's */
  move?: PooledMove | undefined;
  image: Image;
}

const folder = "/etc/pgbouncer";
const scripts = "/usr/local/lib/bascule/pgbouncer";

/** Connections that look up secrets; an answer takes a fraction of a millisecond. */
const authConnections = 2;

/** Seconds a query may wait for a connection, and so the longest pause no client notices but by waiting. */
const queryWaitSeconds = 30;

/**
 * PAUSE ends a login to the database that is under way, and PgBouncer takes that for a database that does not answer: for so long
 * after it nobody would get a connection.
 */
export const loginRetrySeconds = 0.1;

/** Connections taken beside the pool while clients wait. */
export function reserveConnections(poolSize: number): number {
  return Math.max(2, Math.ceil(poolSize / 4));
}

/** All connections to PostgreSQL that a pool of this size may come to hold. */
export function poolConnections(poolSize: number): number {
  return poolSize + reserveConnections(poolSize) + authConnections;
}

/**
 * PgBouncer in transaction mode, on loopback and on PostgreSQL's socket folder. It holds no password: clients' secrets are asked of
 * PostgreSQL, and what a client proves its password with is what PgBouncer logs in with in its place.
 */
export function renderPgBouncer(spec: PgBouncerSpec): Bundle {
  new SpecCheck("pgbouncer")
    .port("port", spec.port)
    .identifier("database", spec.database)
    .integer("poolSize", spec.poolSize, 1, 500)
    .integer("maxClientConnections", spec.maxClientConnections, spec.poolSize, 60_000)
    .that(
      !spec.preparedStatements || traits[spec.image].pooledPreparedStatements,
      "preparedStatements",
      spec.preparedStatements,
      `false on ${spec.image}, whose PgBouncer loses them between transactions`,
    )
    .done();
  const configurationFile = `${folder}/pgbouncer.ini`;
  const writers = spec.move === undefined ? { files: [], setup: [] } : writerFiles(spec.database, spec.move);
  return {
    service: "pgbouncer",
    images: [spec.image],
    packages: packagesFor(spec.image, ["pgbouncer"]),
    files: [
      { path: configurationFile, content: configuration(spec), mode: "0640", owner: "postgres", group: "postgres" },
      { path: "/etc/systemd/system/pgbouncer.service.d/bascule.conf", content: unitDropIn(spec) },
      { path: "/etc/bascule/pgbouncer/auth.sql", content: filledIn("./auth.sql", spec), mode: "0644" },
      ...["auth", "pool", "probe", "validate"].map((name) => script(name, filledIn(`./${name}.sh`, spec))),
      script("self-signed", template(new URL("../self-signed.sh", import.meta.url))),
      ...writers.files,
    ],
    setup: [
      {
        name: "create certificate",
        argv: [`{staged}${scripts}/self-signed`, `${folder}/client.crt`, `${folder}/client.key`, "postgres:postgres"],
      },
      ...writers.setup,
    ],
    validate: [{ name: "start a copy", argv: [`{staged}${scripts}/validate`, `{staged}${folder}`], timeout: 20 }],
    // Before the units, so that no client meets a PgBouncer that cannot ask.
    prepare: [{ name: "way to the secrets", argv: [`${scripts}/auth`, spec.database], timeout: 60 }],
    // A reload keeps every client.
    units: [
      {
        name: "pgbouncer.service",
        onChange: "reload",
        watches: [configurationFile, ...writers.files.map(({ path }) => path)],
      },
    ],
    probes: [
      {
        name: "running settings",
        argv: [`${scripts}/probe`, configurationFile, String(spec.port), spec.database],
        user: "postgres",
        timeout: 20,
      },
    ],
  };
}

function script(name: string, content: string): BundleFile {
  return { path: `${scripts}/${name}`, content, mode: "0755" };
}

function filledIn(file: string, spec: PgBouncerSpec): string {
  return template(new URL(file, import.meta.url))
    .replaceAll("@ROLE@", poolAuthRole)
    .replaceAll("@DATABASE@", spec.database)
    .replaceAll("@PORT@", String(spec.port))
    .replaceAll("@LONGEST@", String(queryWaitSeconds - 5));
}

function unitDropIn(spec: PgBouncerSpec): string {
  return ini({
    Service: {
      // The address stands in the unit too, because a change of it takes a restart and a changed unit file is what causes one.
      Environment: `BASCULE_LISTEN=127.0.0.1:${spec.port}`,
      // One file per client and per connection. PgBouncer only logs that its limit is too low; it is 1,024 otherwise.
      LimitNOFILE: 65_536,
      ...sandbox({ writable: ["/run/postgresql"], ...reachable(spec.move?.blueUrl) }),
    },
  });
}

function configuration(spec: PgBouncerSpec): string {
  const { move } = spec;
  if (move !== undefined) {
    const settings = settingsOf(spec, { auth_file: clientsFile, ...blueTls(move) });
    // In front and without settings of its own: a second section [pgbouncer] puts all of them back to their defaults.
    return `%include ${writerLink}\n\n${settings}`;
  }
  const here = `host=/run/postgresql port=5432 dbname=${spec.database} auth_user=${poolAuthRole}`;
  // Over PostgreSQL's socket there is no TLS.
  return `${ini({ databases: { [spec.database]: here } }, " = ")}\n${settingsOf(spec, { server_tls_sslmode: "disable" })}`;
}

function settingsOf(spec: PgBouncerSpec, more: Record<string, string>): string {
  return ini(
    {
      users: { [poolAuthRole]: `max_user_connections=${authConnections}` },
      pgbouncer: {
        // Only the operating system's user postgres, over the socket, may use the console; no password for it exists.
        admin_users: "postgres",
        auth_query: "SELECT name, secret FROM pgbouncer.secret_of($1)",
        auth_type: "scram-sha-256",
        client_tls_cert_file: `${folder}/client.crt`,
        client_tls_key_file: `${folder}/client.key`,
        client_tls_protocols: "secure",
        // Who asks for it gets it; on loopback it would cost time and hide nothing.
        client_tls_sslmode: "prefer",
        default_pool_size: spec.poolSize,
        // Sent by JDBC and some Node clients at start-up, of no meaning in a pool.
        ignore_startup_parameters: "extra_float_digits",
        listen_addr: "127.0.0.1",
        // Clients that come all at once, after a restart of the application, are not refused.
        listen_backlog: 4096,
        listen_port: spec.port,
        log_connections: 0,
        log_disconnections: 0,
        logfile: "",
        max_client_conn: spec.maxClientConnections,
        max_db_connections: poolConnections(spec.poolSize),
        max_prepared_statements: preparedStatements(spec),
        pidfile: "/run/postgresql/pgbouncer.pid",
        pool_mode: "transaction",
        query_wait_timeout: queryWaitSeconds,
        reserve_pool_size: reserveConnections(spec.poolSize),
        reserve_pool_timeout: 3,
        server_idle_timeout: 300,
        server_lifetime: 3600,
        server_login_retry: loginRetrySeconds,
        tcp_keepalive: 1,
        unix_socket_dir: "/run/postgresql",
        ...more,
      },
    },
    " = ",
  );
}

/** They survive transaction pooling from 1.21 on. Debian 12 carries 1.18, which does not know the setting. */
function preparedStatements({ image, preparedStatements = true }: PgBouncerSpec): number | undefined {
  if (!traits[image].pooledPreparedStatements) return undefined;
  return preparedStatements ? 200 : 0;
}
