import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Keys, type KeysFile, readKeys } from "../../../../migration/mover/keys/configuration.ts";
import type { Access, Server } from "../../../../migration/redis/server.ts";
import type { Side } from "../../../../migration/side.ts";
import { appRights } from "../../../../provisioning/redis/render.ts";
import { freePort } from "../../support/cluster.ts";
import { startRedis, type TestServer } from "./server.ts";

/** Everything a URL has a meaning for. */
const ODD = "p@ss/w:rd #1?%&=+'\"";
/** A command this blue is too old for. */
const UNKNOWN = "sort_and_do_more";
const APP_PASSWORD = "the password of the application on green";

/** Two servers, the relay and the service that follows keys, as on green's server. */
export interface KeysGround {
  keys: Keys;
  file: KeysFile;
  direct: Record<Side, Server>;
  servers: Record<Side, TestServer>;
  /** Where the application on green asks. */
  relayed: Access;
  /** @returns a configuration with another file, for what is refused */
  withFile(change: Partial<KeysFile>): Keys;
  /** The service, begun by the call. */
  startKeeper(): ChildProcess;
  relay: ChildProcess;
  remove(): Promise<void>;
}

export async function startKeysGround(): Promise<KeysGround> {
  const folder = mkdtempSync(join(tmpdir(), "bascule-keys-"));
  const [blue, green] = await Promise.all([startRedis(), startRedis()]);
  const direct = { blue: blue.connect("blue"), green: green.connect("green") };
  for (const server of Object.values(direct))
    await server.ask("ACL", "SETUSER", "bascule", "on", `>${ODD}`, "~*", "&*", "+@all");
  await direct.green.ask("ACL", "SETUSER", "bascule-app", "on", `>${APP_PASSWORD}`, ...appRights.split(" "));
  const file: KeysFile = {
    blue: `redis://bascule:${encodeURIComponent(ODD)}@127.0.0.1:${blue.access.port}`,
    green: { port: green.access.port, user: "bascule", password: ODD },
    blueUsers: ["app"],
    policies: { "copy:": "copy", "cache:": "drop", "queue:": "drain" },
    app: {
      user: "bascule-app",
      password: APP_PASSWORD,
      rights: `${appRights} +${UNKNOWN}`,
      greenUsers: ["app", "bascule-app"],
    },
  };
  const port = await freePort();
  const relay = startRelay(folder, port, blue, green);
  const running = new Set<ChildProcess>([relay]);
  const quiet = (content: KeysFile): Keys => ({ ...readKeys(content, folder, 10_000), say: () => undefined });
  writeFileSync(join(folder, "file.json"), JSON.stringify(file), { mode: 0o600 });
  return {
    file,
    keys: quiet(file),
    direct,
    servers: { blue, green },
    relayed: { host: "127.0.0.1", port, username: "bascule-app", password: APP_PASSWORD },
    relay,
    withFile: (change) => quiet({ ...file, ...change }),
    startKeeper() {
      const keeper = run(new URL("./keeper.ts", import.meta.url), folder, join(folder, "file.json"));
      running.add(keeper);
      return keeper;
    },
    async remove() {
      for (const child of running) await end(child);
      for (const server of Object.values(direct)) server.close();
      await Promise.all([blue.remove(), green.remove()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function startRelay(folder: string, port: number, blue: TestServer, green: TestServer): ChildProcess {
  const places = {
    port,
    folder,
    blue: { ...blue.access, tls: null },
    green: { ...green.access, tls: null },
  };
  writeFileSync(join(folder, "places.json"), JSON.stringify(places));
  return run(new URL("../../../../migration/relay/main.ts", import.meta.url), join(folder, "places.json"));
}

function run(script: URL, ...args: string[]): ChildProcess {
  return spawn(process.execPath, [fileURLToPath(script), ...args], { stdio: "inherit" });
}

export async function end(child: ChildProcess, signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill(signal);
  await gone;
}

/** @throws Error with what the service says of itself, where it does not come to it in time */
export async function until(keys: Keys, holds: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 15_000; !holds(); await pause(2))
    if (Date.now() > deadline) throw new Error(`in vain: ${JSON.stringify(keys.mailbox.note)}`);
}
