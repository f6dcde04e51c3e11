import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FastifyInstance } from "fastify";
import { buildApp, PREFIXES } from "../../localcloud/daemon/app.ts";
import { Faults } from "../../localcloud/daemon/faults.ts";
import { Store } from "../../localcloud/daemon/store.ts";
import type { Edge } from "../../localcloud/edge/types.ts";
import { createHub, type Hub } from "../../localcloud/hetzner/hub.ts";
import { hetznerRoutes } from "../../localcloud/hetzner/routes.ts";
import type {
  Action,
  Datacenter,
  Firewall,
  Image,
  Location,
  Network,
  PrimaryIp,
  ServerType,
  ServerView,
  SshKey,
  Volume,
} from "../../localcloud/hetzner/schemas.ts";
import { coreAddresses, type Instance } from "../../localcloud/instance.ts";
import { MemoryMachines } from "./memory-machines.ts";

export const TOKEN = "t".repeat(64);
export const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f someone@somewhere";
export const OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAEBAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";

/** An edge that has nothing to do. */
export const idleEdge: Edge = {
  start: async () => undefined,
  stop: async () => undefined,
  apply: async () => undefined,
  acme: async () => ({ directory: "https://198.18.0.4:14000/dir", directoryCa: "", rootCa: "" }),
};

export function testInstance(directory: string): Instance {
  return {
    name: "test",
    slot: 0,
    port: 4380,
    block: "198.18.0.0/20",
    directory,
    hetznerToken: TOKEN,
    cloudflareToken: "c".repeat(40),
    accountId: "0".repeat(32),
  };
}

/** Every key an answer may have; a test that reads one which is not there fails by itself. */
export interface Body {
  action: Action;
  actions: Action[];
  next_actions: Action[];
  datacenters: Datacenter[];
  error: { code: string; message: string; details: { fields: { name: string; messages: string[] }[] } };
  firewall: Firewall;
  firewalls: Firewall[];
  images: Image[];
  locations: Location[];
  meta: { pagination: Record<string, number | null> };
  network: Network;
  networks: Network[];
  placement_groups: object[];
  primary_ip: PrimaryIp;
  primary_ips: PrimaryIp[];
  root_password: string | null;
  server: ServerView;
  server_types: ServerType[];
  servers: ServerView[];
  ssh_key: SshKey;
  ssh_keys: SshKey[];
  volume: Volume;
  volumes: Volume[];
}

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | number | undefined>;
  body: Body;
}

/** The Hetzner API over machines in memory. */
export class HetznerUnderTest {
  readonly machines: MemoryMachines;
  readonly faults = new Faults();
  readonly store: Store;
  readonly hub: Hub;
  readonly app: FastifyInstance;
  readonly directory: string;

  constructor(directory = mkdtempSync(join(tmpdir(), "localcloud-")), machines = new MemoryMachines()) {
    this.directory = directory;
    this.machines = machines;
    this.store = new Store(join(directory, "state.json"));
    this.store.load();
    this.app = buildApp({ faults: this.faults, machines, status: () => ({}), ready: () => true });
    this.hub = createHub({
      instance: testInstance(directory),
      core: coreAddresses(0),
      store: this.store,
      machines,
      edge: idleEdge,
      faults: this.faults,
      log: this.app.log,
    });
    this.app.register(hetznerRoutes(this.hub.context, this.hub), { prefix: PREFIXES.hetzner });
  }

  async call(method: "GET" | "POST" | "PUT" | "DELETE", path: string, body?: object, token = TOKEN): Promise<Answer> {
    const response = await this.app.inject({
      method,
      url: `${PREFIXES.hetzner}${path}`,
      headers: token === "" ? {} : { authorization: `Bearer ${token}` },
      payload: body,
    });
    const parsed: Body = JSON.parse(response.body === "" ? "{}" : response.body);
    return { status: response.statusCode, headers: response.headers, body: parsed };
  }

  /** A call that must succeed, with everything it started ended; its answer's body. */
  async ok(method: "GET" | "POST" | "PUT" | "DELETE", path: string, body?: object): Promise<Body> {
    const answer = await this.call(method, path, body);
    assert.ok(answer.status < 300, `${method} ${path} answered ${answer.status} ${JSON.stringify(answer.body)}`);
    await this.hub.actions.settled();
    return answer.body;
  }

  /** A call that must be refused with this status and code; its message. */
  async refused(status: number, code: string, method: "GET" | "POST" | "PUT" | "DELETE", path: string, body?: object) {
    const answer = await this.call(method, path, body);
    assert.deepEqual([answer.status, answer.body?.error?.code], [status, code], JSON.stringify(answer.body));
    return answer.body.error;
  }

  /** A server in fsn1 that runs Debian 13; more by `body`. */
  async server(name: string, body: object = {}): Promise<ServerView> {
    const base = { name, server_type: "cx23", image: "debian-13", location: "fsn1" };
    const { server } = await this.ok("POST", "/servers", { ...base, ...body });
    return (await this.ok("GET", `/servers/${server.id}`)).server;
  }

  async close(): Promise<void> {
    this.machines.release();
    await this.hub.actions.settled();
    await this.store.flush();
    await this.app.close();
  }

  /** Also removes the state. */
  async discard(): Promise<void> {
    await this.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
