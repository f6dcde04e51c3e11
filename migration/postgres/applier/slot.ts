import { setTimeout as pause } from "node:timers/promises";
import type { Database } from "../database.ts";
import { formatLsn, parseLsn } from "../lsn.ts";
import { identifier, literal } from "../names.ts";
import { ApplyError } from "./apply-error.ts";
import { type Message, PgoutputReader } from "./pgoutput.ts";
import type { ChangeSource } from "./source.ts";

/** Messages of one reading. Each reading decodes anew from where the slot must restart, so few large ones cost less than many. */
const MESSAGES = 20_000;

/** Where a slot stands and how it is read. @throws ApplyError when there is no such slot */
export async function findSlot(
  source: Database,
  name: string,
  publication: string,
): Promise<{ confirmed: bigint; options: [name: string, value: string][] }> {
  const [row] = await source.query(
    `SELECT confirmed_flush_lsn, current_setting('server_version_num')::int / 10000 AS major
     FROM pg_replication_slots WHERE slot_name = $1 AND plugin = 'pgoutput' AND database = current_database()`,
    [name],
  );
  if (row === undefined)
    throw new ApplyError(
      `${source.side} has no slot ${name}: without it what was written there since cannot be known. Copy and compare anew (bascule sync)`,
    );
  // What came here by replication must not go back; before 16 the order of a flip alone sees to that.
  const origin: [string, string][] = Number(row.major) >= 16 ? [["origin", "none"]] : [];
  return {
    confirmed: parseLsn(row.confirmed_flush_lsn),
    options: [["proto_version", "1"], ["publication_names", identifier(publication)], ...origin],
  };
}

/** The slot of one direction on its source, read without consuming: what was read stays until {@link Slot.advance}. */
export class Slot implements ChangeSource {
  readonly alone = false;
  confirmed: bigint;
  readonly #source: Database;
  readonly #name: string;
  readonly #options: string[];
  readonly #reader = new PgoutputReader();
  /** What time it was there, and when that was asked, in milliseconds. */
  #clock = { there: Date.now(), asked: performance.now() };

  private constructor(source: Database, name: string, { confirmed, options }: Awaited<ReturnType<typeof findSlot>>) {
    this.#source = source;
    this.#name = name;
    this.confirmed = confirmed;
    this.#options = options.flat();
  }

  /** @throws ApplyError when there is no such slot */
  static async find(source: Database, name: string, publication: string): Promise<Slot> {
    return new Slot(source, name, await findSlot(source, name, publication));
  }

  async flushed(): Promise<bigint> {
    const row = await this.#source.one(
      "SELECT pg_current_wal_flush_lsn() AS lsn, extract(epoch FROM clock_timestamp()) * 1000 AS now",
    );
    this.#clock = { there: Number(row.now), asked: performance.now() };
    return parseLsn(row.lsn);
  }

  /** Milliseconds since 1970 by the source's clock, which its commits are dated by; that of this machine may say something else. */
  get now(): number {
    return this.#clock.there + performance.now() - this.#clock.asked;
  }

  behind(flushed: bigint): boolean {
    return flushed > this.confirmed;
  }

  async arrival(ms: number, stop: AbortSignal): Promise<void> {
    await pause(ms, undefined, { signal: stop }).catch(() => undefined);
  }

  async *read(): AsyncGenerator<Message, boolean> {
    const options = this.#options.map((option) => literal(option)).join(", ");
    const sql = `SELECT data FROM pg_logical_slot_peek_binary_changes(${literal(this.#name)}, NULL, ${MESSAGES}, ${options})`;
    let read = 0;
    for await (const { data } of this.#source.stream(sql)) {
      read += 1;
      const message = this.#reader.read(Buffer.from(data?.slice(2) ?? "", "hex"));
      if (message !== undefined) yield message;
    }
    return read < MESSAGES;
  }

  async advance(lsn: bigint): Promise<void> {
    if (lsn <= this.confirmed) return;
    await this.#source.query("SELECT pg_replication_slot_advance($1, $2)", [this.#name, formatLsn(lsn)]);
    this.confirmed = lsn;
  }

  /** The session is whoever's who handed it over. */
  async close(): Promise<void> {}
}
