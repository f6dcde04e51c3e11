import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { type Access, Server } from "../../../../migration/redis/server.ts";
import type { Side } from "../../../../migration/side.ts";
import { freePort } from "../../support/cluster.ts";

/** The user the application of the tests comes as, on either side. */
export const APP = { username: "app", password: "secret of the app" };

/** A server of a test, on loopback: the default user may do everything, `app` what an application may. */
export interface TestServer {
  access: Access;
  app: Access;
  /** As the default user. */
  connect(side: Side): Server;
  /** Stops its process, as a network does that swallows everything: connections stand, and nobody answers. */
  stall(on: boolean): void;
  remove(): Promise<void>;
}

/** Debian's Redis; @param more settings as arguments, such as `--maxmemory 64mb` */
export async function startRedis(...more: string[]): Promise<TestServer> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), "bascule-redis-"));
  const settings = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder, ...more];
  const child = spawn("redis-check-rdb", settings, { argv0: "redis-server", stdio: "ignore" });
  return started(port, {
    stall: (on) => child.kill(on ? "SIGSTOP" : "SIGCONT"),
    remove: async () => {
      await end(child);
      rmSync(folder, { recursive: true, force: true });
    },
  });
}

async function started(port: number, process: Pick<TestServer, "stall" | "remove">): Promise<TestServer> {
  const access = { host: "127.0.0.1", port };
  await answers(access);
  const server = new Server("blue", access);
  await server.ask("ACL", "SETUSER", APP.username, "on", `>${APP.password}`, "~*", "&*", "+@all", "-@admin");
  server.close();
  return { access, app: { ...access, ...APP }, connect: (side) => new Server(side, access), ...process };
}

async function answers(access: Access): Promise<void> {
  for (const deadline = Date.now() + 15_000; ; await pause(20)) {
    const server = new Server("blue", access);
    try {
      await server.ask("PING");
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
    } finally {
      server.close();
    }
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await gone;
}
