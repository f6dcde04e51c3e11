import type { Duplex } from "node:stream";
import type pg from "pg";

/** What node-postgres can do with rows in bulk; its types do not say so. */
interface BulkConnection {
  readonly stream: Duplex;
  query(sql: string): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
  sendCopyFail(why: string): void;
}

/** Rows are sent on in parts of this size: one by one they would cost a write each. */
const PART_BYTES = 128 * 1024;

/** How much of a table has gone across. */
export interface Copied {
  rows: number;
  bytes: number;
}

/**
 * Pipes `COPY ... TO STDOUT` of one session into `COPY ... FROM STDIN` of another. Neither is held in memory: while the receiving
 * server is busy nothing is read from the sending one.
 * @param tell called for each part
 * @throws Error of whichever side failed; the sending session has then to be thrown away, as its server would go on sending
 */
export async function pipeCopy(
  sender: { client: pg.Client; sql: string },
  receiver: { client: pg.Client; sql: string },
  tell: (copied: Copied) => void,
): Promise<Copied> {
  const receiving = new Receiving(receiver.sql);
  receiver.client.query(receiving);
  await Promise.race([receiving.ready, receiving.ended]);
  const sending = new Sending(sender.sql, receiving, tell);
  sender.client.query(sending);
  try {
    // The receiver ends first only where it fails.
    await Promise.race([sending.ended, receiving.ended]);
  } catch (error) {
    receiving.fail();
    await receiving.ended.catch(() => undefined);
    throw error;
  }
  receiving.finish();
  await receiving.ended;
  return sending.copied;
}

/** Common to both directions: an end, which is the server's word that it is ready for something else. */
class Bulk {
  readonly ended: Promise<void>;
  readonly #sql: string;
  #error: Error | undefined;
  #resolve: () => void = () => {};
  #reject: (error: Error) => void = () => {};

  constructor(sql: string) {
    this.#sql = sql;
    this.ended = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Whoever waits hears of it; where nobody waits yet it is no failure of the process.
    this.ended.catch(() => undefined);
  }

  submit(connection: Pick<BulkConnection, "query">): void {
    connection.query(this.#sql);
  }

  handleCommandComplete(): void {}

  handleError(error: Error): void {
    this.#error ??= error;
    this.#reject(error);
  }

  handleReadyForQuery(): void {
    if (this.#error === undefined) this.#resolve();
  }
}

class Receiving extends Bulk {
  readonly ready: Promise<void>;
  #begin: () => void = () => {};
  #connection: BulkConnection | undefined;

  constructor(sql: string) {
    super(sql);
    this.ready = new Promise((resolve) => {
      this.#begin = resolve;
    });
  }

  handleCopyInResponse(connection: BulkConnection): void {
    this.#connection = connection;
    this.#begin();
  }

  /** @param drained called when the other side may send again, where it must wait now. @returns whether it must */
  take(part: Buffer, drained: () => void): boolean {
    const { stream } = this.#opened();
    this.#opened().sendCopyFromChunk(part);
    if (!stream.writableNeedDrain) return false;
    stream.once("drain", drained);
    return true;
  }

  finish(): void {
    this.#opened().endCopyFrom();
  }

  fail(): void {
    this.#connection?.sendCopyFail("the other side broke off");
  }

  #opened(): BulkConnection {
    if (this.#connection === undefined) throw new Error("rows came before the receiving side was ready");
    return this.#connection;
  }
}

class Sending extends Bulk {
  readonly copied: Copied = { rows: 0, bytes: 0 };
  readonly #to: Receiving;
  readonly #tell: (copied: Copied) => void;
  #waiting: Buffer[] = [];
  #held = 0;

  constructor(sql: string, to: Receiving, tell: (copied: Copied) => void) {
    super(sql);
    this.#to = to;
    this.#tell = tell;
  }

  /** One row. Its bytes lie in a buffer that is used again. */
  handleCopyData({ chunk }: { chunk: Buffer }, { stream }: BulkConnection): void {
    this.copied.rows += 1;
    this.copied.bytes += chunk.length;
    this.#waiting.push(Buffer.from(chunk));
    this.#held += chunk.length;
    if (this.#held < PART_BYTES) return;
    if (this.#pass(() => stream.resume())) stream.pause();
  }

  override handleReadyForQuery(): void {
    if (this.#held > 0) this.#pass(() => undefined);
    super.handleReadyForQuery();
  }

  #pass(drained: () => void): boolean {
    const part = Buffer.concat(this.#waiting, this.#held);
    this.#waiting = [];
    this.#held = 0;
    this.#tell(this.copied);
    return this.#to.take(part, drained);
  }
}
