import { setTimeout as pause } from "node:timers/promises";
import pg from "pg";
import type { Database } from "../database.ts";
import { formatLsn, parseLsn } from "../lsn.ts";
import { literal } from "../names.ts";
import { CANONICAL, UNHURRIED } from "../session.ts";
import { clientTls } from "../tls.ts";
import { type Message, PgoutputReader } from "./pgoutput.ts";
import { findSlot } from "./slot.ts";
import type { ChangeSource } from "./source.ts";

/** Changes that wait here before no more is read from the server. */
const HELD_BYTES = 8 * 1024 * 1024;

/** Well within `wal_sender_timeout`, also while the target takes long over something. */
const EVERY_MS = 1_000;

/** Microseconds from 1970 to 2000, where PostgreSQL counts from. */
const EPOCH = 946_684_800_000_000n;

const CHANGE_HEADER = 25;

/**
 * The slot of one direction as a standby reads it: the source sends each transaction as it is committed, and is told what the target
 * has on its disk, so that commits there can wait for that (`synchronous.ts`). The server shows the connection under the slot's name.
 */
export class StreamedSlot implements ChangeSource {
  readonly alone = true;
  readonly #source: Database;
  readonly #client: pg.Client;
  readonly #reader = new PgoutputReader();
  #ticking: NodeJS.Timeout | undefined;
  readonly #stop: AbortSignal;
  readonly #stopped = () => this.#wake();
  #waiting: Message[] = [];
  #held = 0;
  #wake = () => {};
  #failure: Error | undefined;
  #confirmed: bigint;
  #flushed: bigint;
  /** Where the source was when it last said that it had nothing more to send. */
  #reached = 0n;
  /** What time it was there when it last sent something, and when that came, in milliseconds. */
  #clock = { there: Date.now(), heard: performance.now() };
  /** Of the last transaction that came whole, and whether one has come in part. */
  #lastEnd = 0n;
  #inside = false;

  private constructor(source: Database, client: pg.Client, confirmed: bigint, flushed: bigint, stop: AbortSignal) {
    this.#source = source;
    this.#client = client;
    this.#confirmed = confirmed;
    this.#flushed = flushed;
    this.#stop = stop;
    const fail = (error?: Error) => this.#fail(error);
    client.on("error", fail).on("end", () => fail());
    client.connection.on("copyData", ({ chunk }: { chunk: Buffer }) => {
      try {
        this.#take(chunk);
      } catch (error) {
        fail(error instanceof Error ? error : new Error(String(error)));
      }
    });
    stop.addEventListener("abort", this.#stopped, { once: true });
  }

  /**
   * @param source a session for questions; the changes come by a connection of their own
   * @throws ApplyError when there is no such slot; an error of the database while somebody else reads it
   */
  static async open(source: Database, name: string, publication: string, stop: AbortSignal): Promise<StreamedSlot> {
    const { confirmed, options } = await findSlot(source, name, publication);
    const flushed = await flushedOf(source);
    const given = options.map(([option, value]) => `${option} ${literal(value)}`).join(", ");
    const wanted = {
      ...source.access,
      ...clientTls(source.access.tls),
      application_name: name,
      replication: "database",
      keepAlive: true,
      connectionTimeoutMillis: 10_000,
    };
    const client = new pg.Client(wanted);
    const slot = new StreamedSlot(source, client, confirmed, flushed, stop);
    try {
      await client.connect();
      for (const statement of [...CANONICAL, ...UNHURRIED]) await client.query(statement);
      const refused = new Promise<never>((_, reject) => {
        const sql = `START_REPLICATION SLOT ${name} LOGICAL ${formatLsn(confirmed)} (${given})`;
        client.query(sql).then(
          () => slot.#fail(),
          (error: Error) => {
            slot.#fail(error);
            reject(error);
          },
        );
      });
      const started = new Promise<void>((resolve) => client.connection.once("replicationStart", () => resolve()));
      await Promise.race([started, refused]);
      // Not before: a status in the middle of the login would break it.
      slot.#ticking = setInterval(() => void slot.#tick(), EVERY_MS);
      return slot;
    } catch (error) {
      await slot.close();
      throw error;
    }
  }

  get now(): number {
    return this.#clock.there + performance.now() - this.#clock.heard;
  }

  get confirmed(): bigint {
    return this.#confirmed;
  }

  async flushed(): Promise<bigint> {
    return this.#flushed;
  }

  behind(): boolean {
    if (this.#failure !== undefined) throw this.#failure;
    return this.#waiting.length > 0;
  }

  async arrival(ms: number, stop: AbortSignal): Promise<void> {
    if (this.#waiting.length > 0 || this.#failure !== undefined) return;
    const late = new AbortController();
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    const signal = AbortSignal.any([late.signal, stop]);
    await Promise.race([woken, pause(ms, undefined, { signal }).catch(() => undefined)]);
    late.abort();
  }

  /** Ends where nothing more has come: who waits for more keeps the target from committing what is there. */
  async *read(): AsyncGenerator<Message, boolean> {
    let inside = false;
    while (true) {
      const messages = this.#waiting;
      this.#waiting = [];
      this.#held = 0;
      this.#client.connection.stream.resume();
      for (const message of messages) {
        inside = message.kind !== "commit";
        yield message;
      }
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#waiting.length > 0) continue;
      if (!inside) return false;
      // What there is of it must not be taken for the whole.
      if (this.#stop.aborted) throw new Error("stopped inside a transaction, of which the rest has not come");
      await this.arrival(EVERY_MS, this.#stop);
    }
  }

  async advance(lsn: bigint): Promise<void> {
    if (lsn > this.#confirmed) this.#confirmed = lsn;
    this.#confirm();
  }

  async close(): Promise<void> {
    clearInterval(this.#ticking);
    this.#stop.removeEventListener("abort", this.#stopped);
    await this.#client.end().catch(() => undefined);
  }

  #take(chunk: Buffer): void {
    const kind = String.fromCharCode(chunk.readUInt8(0));
    if (kind === "k") {
      this.#tellTime(chunk.readBigInt64BE(9));
      const end = chunk.readBigUInt64BE(1);
      if (!this.#inside && end > this.#reached) this.#reached = end;
      if (end > this.#flushed) this.#flushed = end;
      this.#confirm();
    }
    if (kind !== "w") return;
    this.#tellTime(chunk.readBigInt64BE(17));
    const message = this.#reader.read(chunk.subarray(CHANGE_HEADER));
    if (message === undefined) return;
    this.#waiting.push(message);
    this.#inside = message.kind !== "commit";
    if (message.kind === "commit") {
      this.#lastEnd = message.endLsn;
      if (message.endLsn > this.#flushed) this.#flushed = message.endLsn;
    }
    this.#held += chunk.length;
    if (this.#held > HELD_BYTES) this.#client.connection.stream.pause();
    this.#wake();
  }

  #tellTime(microseconds: bigint): void {
    this.#clock = { there: Number((microseconds + EPOCH) / 1000n), heard: performance.now() };
  }

  /** With nothing under way, all the source has sent is on the target, also what is of no concern here. */
  #confirm(): void {
    const settled = !this.#inside && this.#confirmed >= this.#lastEnd;
    if (settled && this.#reached > this.#confirmed) this.#confirmed = this.#reached;
    const { stream } = this.#client.connection;
    if (stream.writable) stream.write(statusOf(this.#confirmed));
  }

  /** Tells the source that somebody is here, also while nothing comes. */
  async #tick(): Promise<void> {
    if (this.#failure !== undefined) return;
    this.#confirm();
    const flushed = await flushedOf(this.#source).catch(() => this.#flushed);
    if (flushed > this.#flushed) this.#flushed = flushed;
  }

  #fail(error?: Error): void {
    this.#failure ??= error ?? new Error(`${this.#source.side}'s server has ended the replication`);
    this.#wake();
  }
}

async function flushedOf(source: Database): Promise<bigint> {
  return parseLsn((await source.one("SELECT pg_current_wal_flush_lsn() AS lsn")).lsn);
}

/** A standby's status, as a message of the protocol: written, on disk and applied up to one place. */
function statusOf(lsn: bigint): Buffer {
  const message = Buffer.alloc(39);
  message.write("d", 0);
  message.writeInt32BE(38, 1);
  message.write("r", 5);
  for (const at of [6, 14, 22]) message.writeBigUInt64BE(lsn, at);
  message.writeBigInt64BE(BigInt(Date.now()) * 1000n - EPOCH, 30);
  return message;
}
