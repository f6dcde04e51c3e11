import { type ChildProcess, spawn } from "node:child_process";
import { chownSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import pg from "pg";
import { loginRetrySeconds } from "../../../provisioning/pgbouncer/render.ts";
import { freePort } from "./cluster.ts";
import { onInterrupt } from "./interrupt.ts";

/** PgBouncer refuses to run as root; this number belongs to nobody. */
const NOBODY = 65534;
const USERS = ["appuser", "postgres"];

/** A PgBouncer of a test: transaction mode, loopback, everybody is let in, `postgres` is its administrator. */
export interface TestPooler {
  port: number;
  /** Its configuration; whoever writes it anew sends RELOAD. */
  file: string;
  remove(): Promise<void>;
}

/** The way from the pooler to the database. */
export interface PoolerWay {
  host: string;
  dbname: string;
  /** Of the section [pgbouncer]. */
  settings: Readonly<Record<string, string>>;
}

const PLAIN: PoolerWay = { host: "127.0.0.1", dbname: "app", settings: {} };

/** What stands in {@link TestPooler.file} when the database `app` is behind `database`'s port. */
export function poolerText(file: string, listen: number, database: number, way = PLAIN): string {
  const settings = Object.entries(way.settings).map(([name, value]) => `${name} = ${value}\n`);
  return `[databases]
app = host=${way.host} port=${database} dbname=${way.dbname}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${listen}
unix_socket_dir =
auth_type = trust
auth_file = ${file}.users
pool_mode = transaction
admin_users = postgres
max_client_conn = 200
default_pool_size = 20
query_wait_timeout = 60
server_login_retry = ${loginRetrySeconds}
logfile = ${file}.log
${settings.join("")}`;
}

/** Complete or not at all: PgBouncer may read it at any moment. */
export function writePooler(file: string, listen: number, database: number, way = PLAIN): void {
  writeFileSync(`${file}.new`, poolerText(file, listen, database, way), { mode: 0o644 });
  renameSync(`${file}.new`, file);
}

export async function startPooler(database: number, way = PLAIN): Promise<TestPooler> {
  const folder = mkdtempSync(join(tmpdir(), "bascule-pgbouncer-"));
  const identity = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
  if (identity.uid !== undefined) chownSync(folder, NOBODY, NOBODY);
  const port = await freePort();
  const file = join(folder, "pgbouncer.ini");
  writeFileSync(`${file}.users`, USERS.map((user) => `"${user}" ""\n`).join(""));
  writePooler(file, port, database, way);
  // Where Debian puts daemons is not on everybody's PATH.
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };
  const child = spawn("pgbouncer", ["-q", file], { ...identity, env, cwd: folder, stdio: "ignore" });
  const remove = async () => {
    await ended(child);
    rmSync(folder, { recursive: true, force: true });
    forget();
  };
  const forget = onInterrupt(remove);
  try {
    await answers(port);
  } catch (error) {
    await remove();
    throw error;
  }
  return { port, file, remove };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await gone;
}

async function answers(port: number): Promise<void> {
  for (const deadline = Date.now() + 10_000; ; await pause(30)) {
    const client = new pg.Client({ host: "127.0.0.1", port, user: "postgres", database: "pgbouncer" });
    client.on("error", () => undefined);
    try {
      await client.connect();
      return;
    } catch (error) {
      if (Date.now() > deadline) throw new Error("PgBouncer does not start; is it installed?", { cause: error });
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}
