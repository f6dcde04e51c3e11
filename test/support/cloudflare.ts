import { mkdtempSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Cloudflare, { APIError } from "cloudflare";
import Fastify, { type FastifyInstance } from "fastify";
import { cloudflareRoutes } from "../../localcloud/cloudflare/routes.ts";
import type { Context } from "../../localcloud/daemon/context.ts";
import { Faults } from "../../localcloud/daemon/faults.ts";
import { Store } from "../../localcloud/daemon/store.ts";
import type { Edge } from "../../localcloud/edge/types.ts";
import { blockOf, coreAddresses, type Instance, portOf } from "../../localcloud/instance.ts";
import { MemoryMachines } from "./memory-machines.ts";

const PREFIX = "/client/v4";

/** An edge that only counts how often it was told to follow. */
export class CountingEdge implements Edge {
  applied = 0;
  failure: Error | null = null;
  async start(): Promise<void> {}
  async stop(): Promise<void> {}
  async apply(): Promise<void> {
    this.applied += 1;
    if (this.failure !== null) {
      throw this.failure;
    }
  }
  async acme() {
    return { directory: "", directoryCa: "", rootCa: "" };
  }
}

/** The Cloudflare API on a loopback port, with the official client to talk to it. */
export class CloudflareUnderTest<E extends Edge> {
  readonly instance: Instance;
  readonly store: Store;
  readonly edge: E;
  readonly app: FastifyInstance = Fastify({ logger: false });
  readonly #directory: string;

  constructor(makeEdge: (instance: Instance, store: Store, app: FastifyInstance) => E, name = "test", slot = 15) {
    this.#directory = mkdtempSync(join(tmpdir(), "localcloud-"));
    this.instance = {
      name,
      slot,
      port: portOf(slot),
      block: blockOf(slot),
      directory: this.#directory,
      hetznerToken: "t".repeat(64),
      cloudflareToken: "c".repeat(40),
      accountId: "0123456789abcdef".repeat(2),
    };
    this.store = new Store(join(this.#directory, "state.json"));
    this.store.load();
    this.edge = makeEdge(this.instance, this.store, this.app);
    const context: Context = {
      instance: this.instance,
      core: coreAddresses(slot),
      store: this.store,
      machines: new MemoryMachines(),
      edge: this.edge,
      faults: new Faults(),
      log: this.app.log,
    };
    this.app.register(cloudflareRoutes(context), { prefix: PREFIX });
  }

  async listen(): Promise<void> {
    await this.app.listen({ host: "127.0.0.1", port: 0 });
  }

  async close(): Promise<void> {
    await this.app.close();
    await this.store.flush();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  get baseUrl(): string {
    const { port } = this.app.server.address() as AddressInfo;
    return `http://127.0.0.1:${port}${PREFIX}`;
  }

  client(apiToken = this.instance.cloudflareToken): Cloudflare {
    return new Cloudflare({ apiToken, baseURL: this.baseUrl, maxRetries: 0 });
  }
}

/** For assert.rejects: this status, this code, and this in the message. */
export function apiError(status: number, code: number, message: string | RegExp): (error: unknown) => boolean {
  return (error) => {
    if (!(error instanceof APIError)) {
      return false;
    }
    const [first] = error.errors;
    const fits = typeof message === "string" ? first?.message === message : message.test(String(first?.message));
    if (error.status !== status || first?.code !== code || !fits) {
      throw new Error(`expected ${status} ${code} ${message}, got ${error.status} ${JSON.stringify(error.errors)}`);
    }
    return true;
  };
}
