import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";

/** Where the two clouds are and how they know us. */
export interface CloudAccess {
  hetzner: { endpoint: string; token: string };
  cloudflare: { baseUrl: string; token: string; accountId: string };
}

/** The few calls that make an old production by hand; each finds what is already there. */
export class Cloud {
  readonly #access: CloudAccess;

  constructor(access: CloudAccess) {
    this.#access = access;
  }

  async ensureSshKey(name: string, publicKey: string): Promise<number> {
    const found = await this.#hetzner("GET", `/ssh_keys?name=${encodeURIComponent(name)}`, sshKeys);
    const existing = found.ssh_keys[0];
    const [type, key] = publicKey.split(" ");
    if (existing && existing.public_key.split(" ").slice(0, 2).join(" ") === `${type} ${key}`) return existing.id;
    // The same name with another key belongs to a state directory that is gone: nobody can log in with it any more.
    if (existing) await this.#hetzner("DELETE", `/ssh_keys/${existing.id}`, z.unknown());
    const body = { name, public_key: publicKey };
    return (await this.#hetzner("POST", "/ssh_keys", z.object({ ssh_key: sshKey }), body)).ssh_key.id;
  }

  async findServer(name: string): Promise<Server | undefined> {
    const found = await this.#hetzner(
      "GET",
      `/servers?name=${encodeURIComponent(name)}`,
      z.object({ servers: z.array(server) }),
    );
    return found.servers[0];
  }

  /** Orders a server and waits until its actions are done. */
  async createServer(order: ServerOrder): Promise<Server> {
    const reply = await this.#hetzner(
      "POST",
      "/servers",
      z.object({ server, action, next_actions: z.array(action).default([]) }),
      order,
    );
    await this.#finish([reply.action, ...reply.next_actions]);
    return (await this.#hetzner("GET", `/servers/${reply.server.id}`, z.object({ server }))).server;
  }

  async powerOn(id: number): Promise<void> {
    await this.#finish([(await this.#hetzner("POST", `/servers/${id}/actions/poweron`, z.object({ action }))).action]);
  }

  async ensureZone(name: string): Promise<string> {
    const found = await this.#cloudflare("GET", `/zones?name=${encodeURIComponent(name)}`, z.array(identified));
    if (found[0]) return found[0].id;
    const body = { name, type: "full", account: { id: this.#access.cloudflare.accountId } };
    return (await this.#cloudflare("POST", "/zones", identified, body)).id;
  }

  /** The A record of a name; one that exists keeps its identity and gets the address back. */
  async ensureRecord(zoneId: string, record: DnsRecord): Promise<string> {
    const path = `/zones/${zoneId}/dns_records`;
    const query = `?type=A&name=${encodeURIComponent(record.name)}`;
    const found = (await this.#cloudflare("GET", `${path}${query}`, z.array(identified)))[0];
    return found
      ? (await this.#cloudflare("PUT", `${path}/${found.id}`, identified, record)).id
      : (await this.#cloudflare("POST", path, identified, record)).id;
  }

  async #finish(actions: Action[]): Promise<void> {
    const deadline = Date.now() + 60_000;
    for (const begun of actions) {
      let current = begun;
      while (current.status === "running") {
        if (Date.now() > deadline) throw new Error(`Hetzner: "${current.command}" is still running after 60 s`);
        await sleep(200);
        current = (await this.#hetzner("GET", `/actions/${begun.id}`, z.object({ action }))).action;
      }
      if (current.status === "error") {
        throw new Error(`Hetzner: "${current.command}" failed: ${current.error?.message ?? "no reason given"}`);
      }
    }
  }

  async #hetzner<Schema extends z.ZodType>(method: string, path: string, schema: Schema, body?: unknown) {
    const { endpoint, token } = this.#access.hetzner;
    return schema.parse(await call("Hetzner", method, `${endpoint}${path}`, token, body));
  }

  async #cloudflare<Schema extends z.ZodType>(method: string, path: string, schema: Schema, body?: unknown) {
    const { baseUrl, token } = this.#access.cloudflare;
    const reply = await call("Cloudflare", method, `${baseUrl}${path}`, token, body);
    return schema.parse(z.object({ result: z.unknown() }).parse(reply).result);
  }
}

async function call(cloud: string, method: string, url: string, token: string, body: unknown): Promise<unknown> {
  const what = `${cloud}: ${method} ${new URL(url).pathname}`;
  let response: Response;
  try {
    response = await fetch(url, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(60_000),
    });
  } catch (error) {
    throw new Error(
      `${what} got no answer from ${new URL(url).origin}; is the local cloud running? (localcloud status)`,
      {
        cause: error,
      },
    );
  }
  const text = await response.text();
  if (!response.ok) throw new Error(`${what} answered ${response.status}: ${text.slice(0, 500)}`);
  return text === "" ? undefined : JSON.parse(text);
}

const sshKey = z.object({ id: z.number(), public_key: z.string() });
const sshKeys = z.object({ ssh_keys: z.array(sshKey) });
const server = z.object({
  id: z.number(),
  name: z.string(),
  status: z.string(),
  public_net: z.object({ ipv4: z.object({ ip: z.string() }) }),
});
const action = z.object({
  id: z.number(),
  command: z.string(),
  status: z.enum(["running", "success", "error"]),
  error: z.object({ message: z.string() }).nullish(),
});
const identified = z.object({ id: z.string() });

type Action = z.infer<typeof action>;

/** A server as far as blue cares. */
export type Server = z.infer<typeof server>;

interface ServerOrder {
  name: string;
  server_type: string;
  image: string;
  location: string;
  ssh_keys: number[];
  user_data: string;
  labels: Record<string, string>;
}

interface DnsRecord {
  type: "A";
  name: string;
  content: string;
  ttl: number;
  proxied: boolean;
}
