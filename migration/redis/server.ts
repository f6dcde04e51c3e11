import { setTimeout as pause } from "node:timers/promises";
import { Redis, type RedisOptions, ReplyError } from "ioredis";
import type { Side } from "../side.ts";

/** Where a server is and who asks. */
export interface Access {
  host: string;
  port: number;
  username?: string;
  password?: string;
  /** The logical database. @default 0 */
  db?: number;
  tls?: RedisOptions["tls"];
  /** Commands a second that this program may send there; managed servers count them. @default no limit */
  commandsPerSecond?: number;
}

export type Argument = string | Buffer | number;
/** A command with its arguments. */
export type Question = readonly [string, ...Argument[]];
/** What a server answers: bytes as they are; an error is an answer, too. */
export type Reply = Buffer | number | null | Error | Reply[];

/** What the server shows of our connections (`CLIENT LIST`), followed by who it is. */
export const CLIENT_NAME = "bascule";

/**
 * One connection. It is never opened again after it broke: what was known through it, such as that nobody has taken the move over, is
 * gone with it.
 */
export class Server {
  readonly side: Side;
  readonly access: Access;
  readonly #redis: Redis;
  readonly #limit: Limit;
  #opening: Promise<void> | undefined;
  /** What the server or the network said of it; whoever waits is only told that the connection is closed. */
  #said: Error | undefined;

  /** @param who shown by the server, without spaces */
  constructor(side: Side, access: Access, who: string = CLIENT_NAME) {
    this.side = side;
    this.access = access;
    this.#limit = new Limit(access.commandsPerSecond);
    this.#redis = openClient(access, who);
    this.#redis.on("error", (error) => {
      this.#said = error;
    });
  }

  /** Sends all of it before the first is answered. A command that is refused is an Error among the answers. */
  async pipeline(questions: readonly Question[]): Promise<Reply[]> {
    await this.#open();
    if (questions.length === 0) return [];
    await this.#limit.wait(questions.length);
    const pipeline = this.#redis.pipeline();
    // ioredis changes arguments and answers of some commands by their name; in capitals none of that applies.
    for (const [name, ...args] of questions) pipeline.callBuffer(name.toUpperCase(), args);
    const answers = (await pipeline.exec()) ?? [];
    return answers.map(([error, reply]) => this.#answer(error, reply));
  }

  /** @throws the server's refusal */
  async ask(...question: Question): Promise<Reply> {
    const [reply] = await this.pipeline([question]);
    if (reply instanceof Error) throw new Error(`${this.side}: ${question[0]}: ${reply.message}`, { cause: reply });
    return reply ?? null;
  }

  close(): void {
    this.#redis.disconnect();
  }

  #answer(error: Error | null, reply: unknown): Reply {
    // With any other error than the server's own nobody knows what became of the command.
    if (error !== null && !isReply(error)) throw this.#broken(error);
    return error ?? (reply as Reply);
  }

  #open(): Promise<void> {
    this.#opening ??= this.#redis.connect().catch((error: Error) => {
      throw this.#broken(error);
    });
    return this.#opening;
  }

  #broken(error: Error): Error {
    const { host, port } = this.access;
    const cause = this.#said ?? error;
    return new Error(`${this.side} (${host}:${port}): ${cause.message}`, { cause });
  }
}

/** Whether the server gave the error. Not by its name: where the program is packed, classes have others. */
export function isReply(error: unknown): boolean {
  return error instanceof ReplyError;
}

/** Whoever was asked and does not send a byte for so long is taken for gone; a network that swallows everything says nothing of itself. */
const SILENCE_MS = 10_000;

/** The settings all our clients share. */
export function openClient(access: Access, who: string): Redis {
  const { host, port, username, password, db = 0, tls } = access;
  const redis = new Redis({
    host,
    port,
    db,
    connectionName: who,
    lazyConnect: true,
    retryStrategy: () => null,
    autoResendUnfulfilledCommands: false,
    enableReadyCheck: false,
    connectTimeout: 5_000,
    socketTimeout: SILENCE_MS,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls === undefined ? {} : { tls }),
  });
  // Whoever waits for an answer is told; there is nobody else to tell.
  redis.on("error", () => undefined);
  return redis;
}

/** Keeps commands under so many a second, with a burst of a tenth of it. */
class Limit {
  readonly #perSecond: number | undefined;
  #freeAt = 0;

  constructor(perSecond: number | undefined) {
    this.#perSecond = perSecond;
  }

  async wait(count: number): Promise<void> {
    if (this.#perSecond === undefined) return;
    const now = performance.now();
    this.#freeAt = Math.max(this.#freeAt, now - 100) + (count * 1_000) / this.#perSecond;
    if (this.#freeAt > now) await pause(this.#freeAt - now);
  }
}
