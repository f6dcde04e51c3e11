import { createServer, type Server } from "node:http";
import { join } from "node:path";
import type { FastifyBaseLogger, FastifyInstance } from "fastify";
import { cloudflareRoutes } from "../cloudflare/routes.ts";
import type { Edge } from "../edge/types.ts";
import { createHub, type Hub } from "../hetzner/hub.ts";
import { reconcile } from "../hetzner/reconcile.ts";
import { hetznerRoutes } from "../hetzner/routes.ts";
import { type CoreAddresses, coreAddresses, type Instance } from "../instance.ts";
import type { Machines } from "../machines/types.ts";
import { buildApp, PREFIXES } from "./app.ts";
import type { Context } from "./context.ts";
import { Faults } from "./faults.ts";
import type { DaemonStatus } from "./status.ts";
import { Store } from "./store.ts";
import { Watch } from "./watch.ts";

/** What stands behind the APIs; tests hand in drivers that only remember. */
export interface Drivers {
  machines(log: FastifyBaseLogger): Machines;
  edge(store: Store, log: FastifyBaseLogger): Edge;
}

/** Actions get this long to end before the daemon stops regardless. */
const PATIENCE_MS = 15_000;

/** The running local cloud of one instance: an HTTP server, its state, and the drivers it commands. */
export class Daemon {
  readonly app: FastifyInstance;
  readonly context: Context;
  readonly #instance: Instance;
  readonly #core: CoreAddresses;
  readonly #hub: Hub;
  readonly #watch: Watch;
  #phase = "starting";
  #ready = false;
  #gateway: Server | undefined;
  #acme: DaemonStatus["acme"] = null;

  constructor(instance: Instance, drivers: Drivers, logFile?: string) {
    this.#instance = instance;
    this.#core = coreAddresses(instance.slot);
    const faults = new Faults();
    const store = new Store(join(instance.directory, "state.json"));
    store.load();
    this.app = buildApp({
      faults,
      logFile,
      status: () => this.status(),
      // The driver needs the log of the app, so the app reaches it only when it is asked.
      machines: { freeze: (id) => this.context.machines.freeze(id), thaw: (id) => this.context.machines.thaw(id) },
      ready: () => this.#ready,
    });
    const { log } = this.app;
    const machines = drivers.machines(log);
    const edge = drivers.edge(store, log);
    this.context = { instance, core: this.#core, store, machines, edge, faults, log };
    this.#hub = createHub(this.context);
    this.#watch = new Watch(this.#hub, () => this.#bringUp());
    this.app.register(hetznerRoutes(this.context, this.#hub), { prefix: PREFIXES.hetzner });
    this.app.register(cloudflareRoutes(this.context), { prefix: PREFIXES.cloudflare });
  }

  /** Resolves when both APIs answer and everything the state speaks of runs again. */
  async start(): Promise<void> {
    await this.app.listen({ host: "127.0.0.1", port: this.#instance.port });
    await this.#bringUp();
    this.#ready = true;
    this.#watch.start();
  }

  /** Servers are shut down cleanly and kept; `start` wakes them. */
  async stop(): Promise<void> {
    this.#ready = false;
    this.#enter("stopping");
    this.#watch.stop();
    await Promise.race([
      this.#hub.actions.settled(),
      new Promise((resolve) => setTimeout(resolve, PATIENCE_MS).unref()),
    ]);
    const { machines, edge, store } = this.context;
    const running = this.#hub.state.servers.all().filter((server) => server.status === "running");
    const outcomes = await Promise.allSettled([...running.map((server) => machines.shutdown(server.id)), edge.stop()]);
    for (const outcome of outcomes.filter((each) => each.status === "rejected")) {
      this.context.log.error({ err: outcome.reason }, "not everything could be stopped");
    }
    await store.flush();
    this.#gateway?.close();
    this.#gateway?.closeAllConnections();
    await this.app.close();
  }

  status(): DaemonStatus {
    const { name, port, block } = this.#instance;
    const addresses = this.#hub.state.primaryIps.all();
    return {
      name,
      pid: process.pid,
      port,
      block,
      phase: this.#phase,
      ready: this.#ready,
      acme: this.#acme,
      memoryMiB: Math.round(process.memoryUsage.rss() / 2 ** 20),
      servers: this.#hub.state.servers.all().map((server) => ({
        id: server.id,
        name: server.name,
        ipv4: addresses.find((each) => each.serverId === server.id && each.type === "ipv4")?.ip ?? null,
        status: server.status,
      })),
    };
  }

  async #bringUp(): Promise<void> {
    const { edge } = this.context;
    this.#enter("starting DNS, edge and certificate authority");
    await edge.start();
    await this.#listenOnGateway();
    this.#enter("bringing back servers");
    await reconcile(this.#hub, (line) => this.#enter(line));
    await edge.apply();
    this.#acme = await edge.acme();
    this.#enter("ready");
  }

  /** Servers know the core gateway, not this machine's loopback. The address exists once the core network does. */
  async #listenOnGateway(): Promise<void> {
    if (this.#gateway?.listening) {
      return;
    }
    const gateway = createServer((request, response) => this.app.routing(request, response));
    const { port } = this.#instance;
    await new Promise<void>((resolve, reject) => {
      gateway.once("error", reject);
      gateway.listen(port, this.#core.gateway, resolve);
    });
    this.#gateway = gateway;
  }

  #enter(phase: string): void {
    this.#phase = phase;
    this.context.log.info({ phase }, phase);
  }
}
