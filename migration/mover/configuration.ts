import { readFileSync } from "node:fs";
import { parseSource } from "../copy/source.ts";
import { PushPath } from "../postgres/applier/path.ts";
import { ChosenPath } from "../postgres/chosen.ts";
import type { Access } from "../postgres/database.ts";
import type { Move } from "../postgres/move.ts";
import { NativePath } from "../postgres/native.ts";
import type { Path } from "../postgres/path.ts";
import { PgBouncer, type Pooler } from "../postgres/pooler.ts";
import { SynchronousWay } from "../postgres/synchronous.ts";
import type { Side } from "../side.ts";
import { KeptApplier } from "./kept-applier.ts";
import { type Keys, type KeysFile, readKeys } from "./keys/configuration.ts";
import { Mailbox } from "./mailbox.ts";
import { pointWriter } from "./writer-link.ts";

/** What the bundle writes for the mover; `blue` has a password in it. */
interface File {
  blue: string;
  /** File with the authorities that sign blue's certificate; read where `blue` asks to verify it. */
  blueAuthorities: string;
  green: { database: string; role: string };
  poolPort: number;
  folder: string;
  freezeBudgetSeconds: number;
  wayBack: "asynchronous" | "synchronous";
  wayBackPatienceSeconds: number;
  waitingFile: string;
  metricsFile: string;
  endLongTransactions: boolean;
  keys?: KeysFile;
}

/** Everything the verbs work with. */
export interface Configuration {
  access: Record<Side, Access>;
  move: Move;
  mailbox: Mailbox;
  /** Owner of everything the copy makes on green. */
  role: string;
  folder: string;
  freezeBudgetMs: number;
  /** What says whom green's commits wait for; with `wayBack` synchronous it is the move's. */
  waiting: SynchronousWay;
  /** Longest one of them waits. */
  patienceMs: number;
  endLongTransactions: boolean;
  /** Where the service writes figures for whoever watches. */
  metricsFile: string;
  /** Where keys of Redis move, too. */
  keys?: Keys;
}

/** Both servers' own way in: over the socket, as the operating system's user postgres. */
const SOCKETS = "/run/postgresql";

/** @param path the file the bundle writes */
export function readConfiguration(path: string): Configuration {
  const file = JSON.parse(readFileSync(path, "utf8")) as File;
  const access = {
    blue: onServer(blueAccess(file.blue), file.blueAuthorities),
    green: { host: SOCKETS, port: 5432, database: file.green.database, user: "postgres" },
  };
  const pooler = new PgBouncer({
    admin: { host: SOCKETS, port: file.poolPort, database: "pgbouncer", user: "pgbouncer" },
    database: file.green.database,
    write: async (side) => pointWriter(file.folder, side),
  });
  return configurationOf({ ...file, role: file.green.role }, access, pooler);
}

/** Everything but the ways in: those to the databases and to PgBouncer. */
export type Choices = Omit<File, "blue" | "blueAuthorities" | "green" | "poolPort"> & { role: string };

/** What the verbs work with, from what was chosen and the ways in. */
export function configurationOf(file: Choices, access: Record<Side, Access>, pooler: Pooler): Configuration {
  const mailbox = new Mailbox(file.folder);
  const pushed = { blue: pushedBy(mailbox, "blue"), green: pushedBy(mailbox, "green") };
  const native = new NativePath("blue", access.blue);
  const paths = { blue: new ChosenPath(() => (mailbox.pushes ? pushed.blue : native)), green: pushed.green };
  const waiting = new SynchronousWay("green", file.waitingFile);
  const synchronous = file.wayBack === "synchronous" ? waiting : undefined;
  return {
    access,
    move: { access, paths, pooler, synchronous },
    mailbox,
    role: file.role,
    folder: file.folder,
    freezeBudgetMs: file.freezeBudgetSeconds * 1000,
    waiting,
    patienceMs: file.wayBackPatienceSeconds * 1000,
    endLongTransactions: file.endLongTransactions,
    metricsFile: file.metricsFile,
    ...(file.keys === undefined ? {} : { keys: readKeys(file.keys, file.folder, file.freezeBudgetSeconds * 1000) }),
  };
}

/** The service as what carries one side's changes. */
export function pushedBy(mailbox: Mailbox, from: Side): Path {
  return new PushPath(from, new KeptApplier(mailbox, from));
}

/**
 * Blue's database by its address; from elsewhere than green's server it may be out of reach.
 * @param ca of whoever signs its certificate, in PEM. @default the authorities Node.js comes with
 */
export function blueAccess(url: string, ca?: string): Access {
  const { host, port, database, user, password, sslmode } = parseSource(url, ca);
  const access = { host, port, database, user, password };
  if (sslmode === "disable") return access;
  // What is neither is a mode of libpq's that encrypts where it can: as with `require` nobody is verified.
  const mode = sslmode === "verify-full" || sslmode === "verify-ca" ? sslmode : "require";
  return { ...access, tls: { mode, ...(ca === undefined ? {} : { ca }) } };
}

/** On green's server the authorities are a file, which PostgreSQL and `pg_dump` read themselves. */
function onServer(access: Access, caFile: string): Access {
  if (access.tls === undefined || access.tls.mode === "require") return access;
  return { ...access, tls: { ...access.tls, ca: readFileSync(caFile, "utf8"), caFile } };
}
