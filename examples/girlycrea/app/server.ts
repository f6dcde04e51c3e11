import type { Server } from "node:http";
import type { Socket } from "node:net";
import { buildApplication } from "./application.ts";
import { readConfig } from "./config.ts";
import { openDatabase } from "./database.ts";
import { createMetrics } from "./metrics.ts";
import { openRedis } from "./redis.ts";
import type { Shop } from "./shop.ts";
import { ensureTablesEventually } from "./tables.ts";

/** How long requests under way may take once the process was told to stop; systemd waits longer than this. */
const DRAIN_MILLISECONDS = 15_000;

/** Starts one instance and stops it on SIGTERM: no new connections, requests under way finish, then the pools close. */
async function main(): Promise<void> {
  const config = readConfig(process.env);
  const warn = (what: string) => (error: unknown) => app.log.warn({ err: error }, what);
  const shop: Shop = {
    side: config.side,
    release: config.release,
    instance: config.instance,
    database: openDatabase(config.databaseUrl, (error) => warn("database connection lost")(error)),
    redis: openRedis(config.redisUrl, (error) => warn("redis connection lost")(error)),
    metrics: createMetrics({ side: config.side, release: config.release }),
  };
  const app = buildApplication(shop, config.logLevel);
  const unused = unusedConnections(app.server);
  const stopping = new AbortController();
  void ensureTablesEventually(shop.database, stopping.signal, warn("the shop's tables are not there yet"));

  const stop = async (signal: string) => {
    if (stopping.signal.aborted) return;
    stopping.abort();
    app.log.info({ signal }, "draining");
    setTimeout(() => process.exit(1), DRAIN_MILLISECONDS).unref();
    // Node 18 leaves open connections alone when a server closes; each would keep the process until it times out.
    const sweep = setInterval(() => {
      app.server.closeIdleConnections();
      for (const socket of unused) if (socket.bytesRead === 0) socket.destroy();
    }, 100);
    await app.close();
    clearInterval(sweep);
    app.log.info("drained");
    await shop.database.close();
    shop.redis.disconnect();
    app.log.info("stopped");
    // The wait of a table attempt may still be pending; there is nothing left to do for it.
    process.exit(0);
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => void stop(signal));
  await app.listen({ port: config.port, host: config.host });
}

/** Connections without a request so far: to Node they are not idle, and a server that closes waits a minute for them. */
function unusedConnections(server: Server): Set<Socket> {
  const unused = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    unused.add(socket);
    socket.once("close", () => unused.delete(socket));
  });
  server.on("request", ({ socket }) => unused.delete(socket));
  return unused;
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
