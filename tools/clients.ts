import { canInstall, install } from "./apt.ts";
import { findAll } from "./executables.ts";
import { type Report, reason, ToolError } from "./report.ts";

/** Programs that the operator's machine needs, and the Debian packages they come from. */
const CLIENTS: Record<string, string> = {
  ssh: "openssh-client",
  "ssh-keygen": "openssh-client",
  openssl: "openssl",
  git: "git",
};

/** Daemons that tests start themselves, and where they come from. */
const POOLER: Record<string, string> = { pgbouncer: "pgbouncer" };

/**
 * Redis is one program that is what it is called as; the package `redis-server` would add the name, and a service that starts at once
 * on port 6379.
 */
const KEY_STORE: Record<string, string> = { "redis-check-rdb": "redis-tools" };

/** What gives a server another clock than the machine's; the program is only the sign that its library is there. */
const CLOCK: Record<string, string> = { datefudge: "datefudge" };

/** Where Debian puts daemons, which is not on everybody's PATH. */
const DAEMONS = ["/usr/sbin"];

/** Makes sure that the client programs are there: installs what is missing where that is allowed, else says how. */
export function ensureClients(report: Report, mayInstall = canInstall): Promise<void> {
  return ensurePrograms(CLIENTS, report, mayInstall);
}

/** The same for the pooler that the tests and measurements of the data move put before their databases. */
export function ensurePooler(report: Report, mayInstall = canInstall): Promise<void> {
  return ensurePrograms(POOLER, report, mayInstall);
}

/** The same for the Redis that tests start. */
export function ensureRedis(report: Report, mayInstall = canInstall): Promise<void> {
  return ensurePrograms(KEY_STORE, report, mayInstall);
}

/** The same for servers with a clock of their own; where it cannot be had this only says so, and what needs it is left out. */
export async function ensureClocks(report: Report, mayInstall = canInstall): Promise<void> {
  try {
    await ensurePrograms(CLOCK, report, mayInstall);
  } catch (error) {
    report(`without it no test puts the clock of a server off: ${reason(error)}`);
  }
}

async function ensurePrograms(
  wanted: Record<string, string>,
  report: Report,
  mayInstall: () => Promise<boolean>,
): Promise<void> {
  const missing = await missingOf(wanted);
  if (missing.length === 0) {
    return;
  }
  const packages = [...new Set(missing.map((name) => wanted[name] ?? name))];
  const names = missing.join(", ");
  if (!(await mayInstall())) {
    throw new ToolError(`not found on PATH: ${names}. Install with: sudo apt-get install ${packages.join(" ")}`);
  }
  report(`not found on PATH: ${names}`);
  await install(packages, report);
  const still = await missingOf(wanted);
  if (still.length > 0) {
    throw new ToolError(
      `installed ${packages.join(" ")}, but still not found on PATH: ${still.join(", ")}. Check PATH: echo $PATH`,
    );
  }
}

async function missingOf(wanted: Record<string, string>): Promise<string[]> {
  const names = Object.keys(wanted);
  const found = await Promise.all(names.map((name) => findAll(name, DAEMONS)));
  return names.filter((_, index) => found[index]?.length === 0);
}
