import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Place } from "./place.ts";

/** Shorter values (a flag, a port, the address in a connection that is secret as a whole) would be found everywhere by accident. */
const SHORTEST = 16;
/** A connection is secret as a whole; the host's public key in it is printed as an output of the stack on purpose. */
const PUBLIC_KEY = /^ssh-ed25519 [A-Za-z0-9+/=]+$/;
const SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270";

/** Every plaintext an export of the stack with its secrets shown marks as secret; leaves of objects each by themselves. */
export function secretValues(stackExport: string): Set<string> {
  const found = new Set<string>();
  const leaves = (value: unknown): void => {
    if (typeof value === "string") {
      if (value.length >= SHORTEST && !PUBLIC_KEY.test(value)) found.add(value);
    } else if (typeof value === "object" && value !== null) {
      Object.values(value).forEach(leaves);
    }
  };
  const walk = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    const isSecret =
      Object.values(value).includes(SECRET_SIGNATURE) && "plaintext" in value && typeof value.plaintext === "string";
    if (isSecret) leaves(JSON.parse(value.plaintext as string));
    else Object.values(value).forEach(walk);
  };
  walk(JSON.parse(stackExport));
  return found;
}

/** Collects the arguments of every process on this machine, the servers' among them, while something runs. */
export function watchArguments(): { stop(): Set<string> } {
  const seen = new Set<string>();
  const look = () => {
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
      try {
        seen.add(readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " "));
      } catch {
        // The process has ended between the two calls.
      }
    }
  };
  const timer = setInterval(look, 150);
  timer.unref();
  return {
    stop() {
      clearInterval(timer);
      return seen;
    },
  };
}

export interface Leak {
  where: string;
  /** The first characters only: a report must not become the leak. */
  starts: string;
}

/** Looks for every secret in every place; what is public by nature is given in `places` by no one. */
export function findLeaks(secrets: Set<string>, places: Iterable<{ where: string; text: string }>): Leak[] {
  const leaks: Leak[] = [];
  for (const { where, text } of places) {
    for (const secret of secrets) {
      // A key of several lines stands in JSON with its line ends escaped.
      if (text.includes(secret) || text.includes(JSON.stringify(secret).slice(1, -1)))
        leaks.push({ where, starts: `${secret.slice(0, 3)}...` });
    }
  }
  return leaks;
}

/** State, logs, records, stack file, arguments: every place a run writes to. */
export function* writtenBy(
  place: Place,
  backend: string,
  cloud: string,
  seen: Set<string>,
): Generator<{ where: string; text: string }> {
  yield* filesBelow(backend);
  yield* filesBelow(join(place.folder, "users"));
  const state = join(place.folder, "..", "..");
  const logs = [join(cloud, "daemon.log"), join(state, "stand-ins.log"), join(state, "forward.log"), place.stackFile];
  for (const path of logs.filter((log) => existsSync(log))) yield { where: path, text: readFileSync(path, "utf8") };
  yield { where: "arguments of processes", text: [...seen].join("\n") };
}

/** All text files below a folder. */
function* filesBelow(folder: string): Generator<{ where: string; text: string }> {
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    const path = join(folder, name);
    if (statSync(path).isFile()) yield { where: path, text: readFileSync(path, "utf8") };
  }
}
