import type { Bundle } from "../bundle.ts";
import { type Image, traits } from "../image.ts";
import { packagesFor } from "../packages.ts";
import { SpecCheck } from "../spec.ts";
import { ini, template } from "../text.ts";

export interface PgBouncerSpec {
  /** Port on 127.0.0.1 the application connects to. */
  port: number;
  database: string;
  user: string;
  /** The role's password in PostgreSQL; clients of the pool log in with the same. */
  password: string;
  /** Connections to PostgreSQL per database and user. */
  poolSize: number;
  maxClientConnections: number;
  image: Image;
}

const folder = "/etc/pgbouncer";

/** PgBouncer in transaction mode, on loopback and on PostgreSQL's socket folder; applicable before the database exists. */
export function renderPgBouncer(spec: PgBouncerSpec): Bundle {
  new SpecCheck("pgbouncer")
    .port("port", spec.port)
    .identifier("database", spec.database)
    .identifier("user", spec.user)
    .password("password", spec.password)
    .integer("poolSize", spec.poolSize, 1, 500)
    .integer("maxClientConnections", spec.maxClientConnections, spec.poolSize, 60_000)
    .done();
  // The address stands in the unit too, because a change of it takes a restart and a changed unit file is what causes one.
  const limits = ini({ Service: { Environment: `BASCULE_LISTEN=127.0.0.1:${spec.port}`, LimitNOFILE: 65_536 } });
  const scripts = "/usr/local/lib/bascule/pgbouncer";
  return {
    service: "pgbouncer",
    packages: packagesFor(spec.image, ["pgbouncer"]),
    files: [
      {
        path: `${folder}/pgbouncer.ini`,
        content: configuration(spec),
        mode: "0640",
        owner: "postgres",
        group: "postgres",
      },
      {
        path: `${folder}/userlist.txt`,
        content: `"${spec.user}" "${spec.password}"\n`,
        mode: "0640",
        owner: "root",
        group: "postgres",
        secret: true,
      },
      // PgBouncer only logs that its limit is too low for the clients it was told to take; the soft limit is 1,024 otherwise.
      { path: "/etc/systemd/system/pgbouncer.service.d/bascule.conf", content: limits },
      { path: `${scripts}/validate`, content: template(new URL("./validate.sh", import.meta.url)), mode: "0755" },
      { path: `${scripts}/probe`, content: template(new URL("./probe.sh", import.meta.url)), mode: "0755" },
    ],
    validate: [{ name: "start a copy", argv: [`{staged}${scripts}/validate`, `{staged}${folder}`], timeout: 20 }],
    units: [
      {
        name: "pgbouncer.service",
        // A reload keeps every client.
        onChange: "reload",
        watches: [`${folder}/pgbouncer.ini`, `${folder}/userlist.txt`],
      },
    ],
    probes: [
      {
        name: "admin console",
        argv: [`${scripts}/probe`, String(spec.port), String(spec.poolSize), String(spec.maxClientConnections)],
        user: "postgres",
        timeout: 20,
      },
    ],
  };
}

function configuration(spec: PgBouncerSpec): string {
  return ini(
    {
      databases: { [spec.database]: `host=/run/postgresql port=5432 dbname=${spec.database}` },
      pgbouncer: {
        // Only the operating system's user postgres, over the socket, may use the console; no password for it exists.
        admin_users: "postgres",
        auth_file: `${folder}/userlist.txt`,
        auth_type: "scram-sha-256",
        default_pool_size: spec.poolSize,
        // Sent by JDBC and some Node clients at start-up, of no meaning in a pool.
        ignore_startup_parameters: "extra_float_digits",
        listen_addr: "127.0.0.1",
        listen_backlog: 4096,
        listen_port: spec.port,
        log_connections: 0,
        log_disconnections: 0,
        logfile: "",
        max_client_conn: spec.maxClientConnections,
        max_db_connections: spec.poolSize + reserve(spec),
        // Prepared statements survive transaction pooling from 1.21 on; older versions ignore nothing, so 12 gets no line.
        max_prepared_statements: traits[spec.image].pooledPreparedStatements ? 200 : undefined,
        pidfile: "/run/postgresql/pgbouncer.pid",
        pool_mode: "transaction",
        query_wait_timeout: 30,
        reserve_pool_size: reserve(spec),
        reserve_pool_timeout: 3,
        server_idle_timeout: 300,
        server_lifetime: 3600,
        server_tls_sslmode: "prefer",
        tcp_keepalive: 1,
        unix_socket_dir: "/run/postgresql",
      },
    },
    " = ",
  );
}

function reserve(spec: PgBouncerSpec): number {
  return Math.max(2, Math.ceil(spec.poolSize / 4));
}
