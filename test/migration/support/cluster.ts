import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import pg from "pg";
import { clockEnvironment } from "./clock.ts";
import { onInterrupt } from "./interrupt.ts";

export type Major = 15 | 16 | 17 | 18;

/** PostgreSQL refuses to run as root; this number belongs to nobody. */
const NOBODY = 65534;
const SETTINGS = {
  wal_level: "logical",
  max_replication_slots: "10",
  max_wal_senders: "10",
  max_prepared_transactions: "10",
  max_slot_wal_keep_size: "4096",
  shared_buffers: "64MB",
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  fsync: "off",
};

/** A PostgreSQL server of a test: superuser `postgres`, no password, loopback only. */
export interface Cluster {
  major: Major;
  port: number;
  /** Read among its settings, where it is there. */
  included: string;
  readonly running: boolean;
  /** Its process ends at once, as in a power cut. */
  kill(): Promise<void>;
  /** Starts it again after `kill`; `clockMs` is how far its clock is off. */
  start(clockMs?: number): Promise<void>;
  /** Ends it and takes its files away. */
  remove(): Promise<void>;
}

/**
 * @param more settings of postgresql.conf in place of those above
 * @param clockMs how far its clock is off
 */
export async function startCluster(major: Major, more: Record<string, string> = {}, clockMs = 0): Promise<Cluster> {
  const bin = join(binaries(major), "bin");
  const folder = mkdtempSync(join(tmpdir(), `bascule-postgres-${major}-`));
  let server: ChildProcess | undefined;
  const end = async (signal: NodeJS.Signals) => {
    const child = server;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await gone;
  };
  let removed = false;
  const remove = async () => {
    removed = true;
    await end("SIGQUIT");
    rmSync(folder, { recursive: true, force: true });
    forget();
  };
  const forget = onInterrupt(remove);
  if (process.getuid?.() === 0) chownSync(folder, NOBODY, NOBODY);
  const identity = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
  const data = join(folder, "data");
  const making = ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"];
  server = spawn(join(bin, "initdb"), making, { ...identity, cwd: folder, stdio: "ignore" });
  // Not while this process waits for it: others are at work here, who would be held up.
  const [code] = await once(server, "exit");
  if (code !== 0) throw new Error(`PostgreSQL ${major} cannot be set up: initdb ended with ${code}`);
  const included = join(folder, "included.conf");
  appendFileSync(join(data, "postgresql.conf"), `include_if_exists = '${included}'\n`);
  const port = await freePort();
  const settings = Object.entries({ ...SETTINGS, ...more, port: String(port) }).flatMap(([k, v]) => [
    "-c",
    `${k}=${v}`,
  ]);
  const cluster: Cluster = {
    major,
    port,
    included,
    get running() {
      return server !== undefined && server.exitCode === null && server.signalCode === null;
    },
    kill: () => end("SIGKILL"),
    async start(offMs = 0) {
      const deadline = Date.now() + 20_000;
      // As who it runs: as a client it looks for certificates of its own at home.
      const env = { ...process.env, ...clockEnvironment(offMs), HOME: folder };
      const options = { ...identity, cwd: folder, env };
      do {
        if (removed) break;
        server = spawn(join(bin, "postgres"), ["-D", data, ...settings], { ...options, stdio: "ignore" });
        const exited = new Promise<boolean>((resolve) => server?.once("exit", () => resolve(false)));
        if (await Promise.race([answers(port, deadline), exited])) return;
        // After a power cut its children keep the shared memory for a moment, and a new server refuses to start beside them.
        await pause(200);
      } while (Date.now() < deadline);
      throw new Error(`PostgreSQL ${major} does not start`);
    },
    remove,
  };
  await cluster.start(clockMs);
  return cluster;
}

/** The package's files where anybody may run them, complete or not there at all; npm cannot pack the symbolic links, but their list. */
function binaries(major: Major): string {
  const entry = createRequire(import.meta.url).resolve(`postgres-${major}`);
  const source = dirname(dirname(entry));
  const { version } = JSON.parse(readFileSync(join(source, "package.json"), "utf8")) as { version: string };
  const ready = join(tmpdir(), `bascule-postgres-${version}`);
  if (existsSync(ready)) return ready;
  const fresh = mkdtempSync(`${ready}-`);
  cpSync(join(source, "native"), fresh, { recursive: true });
  const links = JSON.parse(readFileSync(join(source, "native", "pg-symlinks.json"), "utf8")) as Link[];
  for (const { source: from, target } of links) {
    const link = join(fresh, relative("native", target));
    mkdirSync(dirname(link), { recursive: true });
    rmSync(link, { force: true });
    symlinkSync(relative(dirname(target), from), link);
  }
  execFileSync("chmod", ["-R", "a+rX", fresh]);
  try {
    renameSync(fresh, ready);
  } catch {
    // Another test was faster.
    rmSync(fresh, { recursive: true });
  }
  return ready;
}

interface Link {
  source: string;
  target: string;
}

export function freePort(): Promise<number> {
  const probe = createServer();
  return new Promise((resolve, reject) => {
    probe.once("error", reject).listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => (address !== null && typeof address === "object" ? resolve(address.port) : reject(address)));
    });
  });
}

async function answers(port: number, deadline: number): Promise<boolean> {
  while (Date.now() < deadline) {
    const client = new pg.Client({ host: "127.0.0.1", port, user: "postgres", database: "postgres" });
    try {
      await client.connect();
      return true;
    } catch {
      await pause(50);
    } finally {
      await client.end().catch(() => undefined);
    }
  }
  return false;
}
