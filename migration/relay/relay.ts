import { connect, createServer, isIP, type Server, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import type { Side } from "../side.ts";

/** Where one side's server is, from the host of the relay. */
export interface Place {
  host: string;
  port: number;
  /** Null where it is not encrypted. */
  tls: { verify: boolean } | null;
}

/** Where clients are led. */
export interface Lead {
  side: Side;
  /** Until then (milliseconds since 1970) clients wait; a mover that died in between must not keep them for ever. 0: they do not. */
  heldUntil: number;
}

function reach({ host, port, tls }: Place): Socket {
  if (tls === null) return connect({ host, port, noDelay: true });
  // An address is no name a server could choose its certificate by.
  const name = isIP(host) === 0 ? { servername: host } : {};
  return connectTls({ host, port, ...name, rejectUnauthorized: tls.verify }).setNoDelay(true);
}

/** Answers to what was asked before a hold are let through for so long. */
const GRACE_MS = 100;

/**
 * Clients of one port, led to the side that has their keys. Bytes go through as they are: who a client is and what it asks is between
 * it and the server. A hold ends every connection once what was asked is answered, so whoever comes again afterwards, as clients of
 * Redis do by themselves, finds the new side, and waits until then.
 */
export class Relay {
  readonly #places: Record<Side, Place>;
  readonly #server: Server;
  readonly #waiting = new Set<Socket>();
  readonly #pairs = new Set<{ client: Socket; server: Socket }>();
  #lead: Lead = { side: "green", heldUntil: 0 };

  constructor(places: Record<Side, Place>) {
    this.#places = places;
    // Both directions end together: no client of Redis closes one of them alone.
    this.#server = createServer({ noDelay: true, pauseOnConnect: true }, (client) => this.#welcome(client));
  }

  get connections(): number {
    return this.#pairs.size + this.#waiting.size;
  }

  /** @returns the port; @param port 0 for any that is free */
  listen(port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, "127.0.0.1", () => {
        const address = this.#server.address();
        resolve(typeof address === "object" && address !== null ? address.port : port);
      });
    });
  }

  /** Obeys: when it returns no byte goes to any other side, and none at all while clients are held. */
  async lead(lead: Lead): Promise<void> {
    const held = lead.heldUntil > Date.now();
    const same = lead.side === this.#lead.side && !held;
    this.#lead = lead;
    if (!same) await this.#part();
    if (!held) for (const client of this.#waiting) this.#join(client);
  }

  async close(): Promise<void> {
    for (const client of this.#waiting) client.destroy();
    for (const { client, server } of this.#pairs) for (const socket of [client, server]) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #welcome(client: Socket): void {
    this.#waiting.add(client);
    client.on("error", () => client.destroy());
    client.once("close", () => this.#waiting.delete(client));
    if (this.#lead.heldUntil <= Date.now()) this.#join(client);
  }

  #join(client: Socket): void {
    this.#waiting.delete(client);
    const server = reach(this.#places[this.#lead.side]);
    const pair = { client, server };
    this.#pairs.add(pair);
    const end = () => {
      this.#pairs.delete(pair);
      client.destroySoon();
      server.destroy();
    };
    server.on("error", end);
    server.once("close", end);
    client.once("close", end);
    client.pipe(server);
    server.pipe(client);
  }

  /** Nothing more is asked; what was asked may be answered; then every connection ends. */
  async #part(): Promise<void> {
    const pairs = [...this.#pairs];
    if (pairs.length === 0) return;
    for (const { client, server } of pairs) {
      client.unpipe(server);
      client.pause();
    }
    await pause(GRACE_MS);
    for (const { client, server } of pairs) {
      server.destroy();
      client.destroySoon();
    }
  }
}
