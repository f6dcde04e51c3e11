import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import type { Redis } from "ioredis";
import { isOwn, OWN_PREFIX, type Policies } from "./policy.ts";
import { text } from "./reply.ts";
import { openClient, type Server } from "./server.ts";

/** Is there as long as the database is the same: that it was emptied or exchanged, no notification tells. */
const SENTINEL = `${OWN_PREFIX}sentinel`;
/** Each marker has a name of its own, so that one that comes late is not taken for the one that is waited for. */
const MARKER_PREFIX = `${OWN_PREFIX}marker:`;
const MARKER_LIFE_MS = 60_000;
/** Beyond this it costs less to look at everything again. */
const MOST_DIRTY = 500_000;

/** Notes which keys of a server have changed, by its keyspace notifications. */
export class Tracker {
  readonly server: Server;
  readonly #policies: Policies;
  readonly #who: string;
  #dirty = new Set<string>();
  #client: Redis | undefined;
  #sentinel = "";
  #marker = "";
  #seen = false;
  /** One waits for the one before, as there is one marker at a time. */
  #barriers: Promise<unknown> = Promise.resolve();
  /** Set where changes may have been missed: then every key has to be looked at. */
  everything = true;
  /** Keys under a prefix to drain that were seen, in latin1; some of them may be gone. */
  readonly queues = new Set<string>();
  /** Keys no prefix covers, in latin1. */
  readonly uncovered = new Set<string>();
  /** How often the connection of the notifications was lost. */
  interruptions = 0;

  constructor(server: Server, policies: Policies, who: string) {
    this.server = server;
    this.#policies = policies;
    this.#who = who;
  }

  get dirty(): number {
    return this.#dirty.size;
  }

  /** Whether changes are being noted. */
  get listening(): boolean {
    return this.#client?.status === "ready";
  }

  /** Begins to note; after an interruption everything counts as changed. */
  async listen(): Promise<void> {
    if (this.listening) return;
    this.#client?.disconnect();
    const client = openClient(this.server.access, this.#who);
    this.#client = client;
    client.on("pmessageBuffer", (_pattern: string, _channel: Buffer, key: Buffer) => this.note(key));
    client.once("end", () => {
      if (this.#client !== client) return;
      this.everything = true;
      this.interruptions += 1;
    });
    await client.connect();
    await client.psubscribe(`__keyevent@${this.server.access.db ?? 0}__:*`);
    this.#sentinel = "";
  }

  /** A key that has changed, or was found. @returns whether it is one to be copied */
  note(key: Buffer): boolean {
    if (isOwn(key)) {
      this.#seen ||= key.toString() === this.#marker;
      return false;
    }
    const policy = this.#policies.policyFor(key);
    const name = key.toString("latin1");
    if (policy === undefined) this.uncovered.add(name);
    if (policy === "drain") this.queues.add(name);
    if (policy !== "copy") return false;
    this.#dirty.add(name);
    if (this.#dirty.size > MOST_DIRTY) {
      this.everything = true;
      this.#dirty.clear();
    }
    return true;
  }

  /** Takes keys out before they are read, so that a change after that is noted anew. */
  take(most: number): Buffer[] {
    const names: string[] = [];
    for (const name of this.#dirty) {
      if (names.length === most) break;
      names.push(name);
      this.#dirty.delete(name);
    }
    return names.map((name) => Buffer.from(name, "latin1"));
  }

  /** Puts keys back that could not be carried. */
  putBack(keys: readonly Buffer[]): void {
    for (const key of keys) this.#dirty.add(key.toString("latin1"));
  }

  /** Everything is going to be looked at; what changes from here on is noted. */
  startAnew(): void {
    this.everything = false;
    this.#dirty.clear();
  }

  /**
   * Writes a marker and waits for its notification: what was written before it has been noted then. Where the marker of before is
   * gone, the database has been emptied or exchanged.
   * @returns whether the notification came in time
   */
  barrier(timeoutMs: number): Promise<boolean> {
    const barrier = this.#barriers.then(() => this.#barrier(timeoutMs));
    this.#barriers = barrier.catch(() => undefined);
    return barrier;
  }

  async #barrier(timeoutMs: number): Promise<boolean> {
    const [before, after] = [this.#sentinel, randomUUID()];
    this.#marker = `${MARKER_PREFIX}${after}`;
    this.#seen = false;
    const [found, set] = await this.server.pipeline([
      ["GETSET", SENTINEL, after],
      ["SET", this.#marker, "1", "PX", MARKER_LIFE_MS],
    ]);
    if (set instanceof Error) throw set;
    if (before !== "" && (found === null || text(found) !== before)) this.everything = true;
    this.#sentinel = after;
    for (const deadline = Date.now() + timeoutMs; !this.#seen; await pause(1))
      if (Date.now() > deadline || !this.listening) {
        this.everything = true;
        return false;
      }
    return true;
  }

  /** Takes the keys away that it has written. */
  async erase(): Promise<void> {
    await this.server.pipeline([["DEL", SENTINEL, this.#marker]]);
  }

  close(): void {
    const client = this.#client;
    this.#client = undefined;
    client?.disconnect();
  }
}
