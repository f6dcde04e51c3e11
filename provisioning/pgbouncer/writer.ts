import type { BundleCommand, BundleFile } from "../bundle.ts";
import { hostOf, ini, template } from "../text.ts";

/** A move of the data by replication: the application writes to blue's database first, and to this host's from some moment on. */
export interface PooledMove {
  /** Blue's database as this host reaches it. Secret. */
  blueUrl: string;
  /** Certificate of the authority that signs blue's, in PEM. @default the system's authorities */
  blueCa?: string | undefined;
  /** Who the application is to the pool and on this host; nobody else may come through it while a move lasts. */
  role: string;
  /** Of that role. Secret. */
  password: string;
}

/** What the mover keeps between its runs; it belongs to postgres. */
export const moverFolder = "/var/lib/bascule-mover";

/** What PostgreSQL reads among its settings: whom its commits wait for. The mover writes it; no bundle does. */
export const waitingFile = `${moverFolder}/waiting.conf`;

/** Leads to the file of the side that takes the writes. The mover turns it; no bundle does. */
export const writerLink = `${moverFolder}/writer.ini`;

/**
 * Who may come through the pool: on a database that is not ours nobody can be asked. In the clear, as PgBouncer logs in with the keys of
 * a SCRAM secret where it has one, whatever password the database's line names, and no two servers have the same keys.
 */
export const clientsFile = "/etc/pgbouncer/clients.txt";

/** Where the system keeps all authorities it trusts, from its package ca-certificates. */
const systemAuthorities = "/etc/ssl/certs/ca-certificates.crt";

/** The file with blue's own authority, where there is one; PgBouncer and the mover have one each, at a path of their own. */
export function authorityFiles({ blueCa }: PooledMove, path: string): BundleFile[] {
  return blueCa === undefined ? [] : [{ path, content: blueCa.endsWith("\n") ? blueCa : `${blueCa}\n` }];
}

/** What blue's certificate is verified with, where it is. @param path of the own authority's file */
export function authoritiesOf({ blueCa }: PooledMove, path: string): string {
  return blueCa === undefined ? systemAuthorities : path;
}

const authority = "/etc/pgbouncer/blue-authority.pem";
const writersFolder = "/etc/pgbouncer/writers";
const scripts = "/usr/local/lib/bascule/pgbouncer";

/** One file a side for `%include`, the list of clients, and the link, which is made where there is none: to this host's database. */
export function writerFiles(database: string, move: PooledMove): { files: BundleFile[]; setup: BundleCommand[] } {
  const { role, password, blueUrl } = move;
  const secret = { mode: "0600", owner: "postgres", group: "postgres", secret: true };
  const green = { host: "/run/postgresql", port: 5432, database, user: role, password };
  return {
    files: [
      { path: clientsFile, content: `"${role}" "${password}"\n`, ...secret },
      ...authorityFiles(move, authority),
      { path: `${writersFolder}/blue.ini`, content: writer(database, blueTarget(blueUrl)), ...secret },
      { path: `${writersFolder}/green.ini`, content: writer(database, green), ...secret },
      {
        path: `${scripts}/writer`,
        content: template(new URL("./writer.sh", import.meta.url)).replaceAll("@LINK@", writerLink),
        mode: "0755",
      },
    ],
    setup: [{ name: "side that takes the writes", argv: [`{staged}${scripts}/writer`, `${writersFolder}/green.ini`] }],
  };
}

interface Target {
  host: string;
  port: number;
  database: string;
  user: string;
  password: string;
}

function blueTarget(url: string): Target {
  const parsed = new URL(url);
  const { port, pathname, username, password } = parsed;
  return {
    host: hostOf(parsed),
    port: Number(port || 5432),
    database: decodeURIComponent(pathname.slice(1)),
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
  };
}

/** Of connections to blue. Those to this host's database go over its socket, where there is no TLS whatever this says. */
export function blueTls(move: PooledMove): Record<string, string> {
  const mode = new URL(move.blueUrl).searchParams.get("sslmode") ?? "require";
  return {
    server_tls_sslmode: mode,
    ...(mode.startsWith("verify-") ? { server_tls_ca_file: authoritiesOf(move, authority) } : {}),
  };
}

/**
 * Both sides name a user and a password: PgBouncer then has one pool for either, and connections of the application that stand go
 * along when the side changes.
 */
function writer(name: string, target: Target): string {
  const quoted = (value: string) => `'${value.replaceAll("'", "''")}'`;
  const line = [
    `host=${target.host} port=${target.port} dbname=${quoted(target.database)}`,
    `user=${quoted(target.user)} password=${quoted(target.password)}`,
  ].join(" ");
  return ini({ databases: { [name]: line } }, " = ");
}
