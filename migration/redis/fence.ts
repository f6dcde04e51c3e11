import type { Side } from "../side.ts";
import { RECORD, readRecord } from "./records.ts";
import { fields, integer, list, text } from "./reply.ts";
import type { Server } from "./server.ts";

/** Keeps the application's writes from a server. */
export interface Fence {
  close(): Promise<void>;
  open(): Promise<void>;
  isClosed(): Promise<boolean>;
}

/** Where the record keeps what a user might do before it was stopped. */
const FIELD = "commands of ";

/**
 * Takes the right to write from users of the server, and gives back exactly what they had. It holds for every connection from the next
 * command on, those in scripts and transactions included. What they had is noted on both servers, as one of them may be emptied.
 */
export class AclFence implements Fence {
  readonly #server: Server;
  readonly #other: Server;
  readonly #users: readonly string[];

  constructor(server: Server, other: Server, users: readonly string[]) {
    this.#server = server;
    this.#other = other;
    this.#users = users;
  }

  /** @throws Error saying why these users cannot be stopped without losing something */
  async check(): Promise<void> {
    if (this.#users.length === 0) throw new Error(`${this.#server.side}: name the users that write, or give a hold`);
    const self = text(await this.#server.ask("ACL", "WHOAMI"));
    for (const user of this.#users) {
      if (user === self)
        throw new Error(
          `${this.#server.side}: the application writes as ${user}, and so does this program; give it a user of its own: ACL SETUSER bascule on >... ~* &* +@all`,
        );
      const about = await this.#about(user);
      const selectors = about.get("selectors");
      if (Array.isArray(selectors) && selectors.length > 0)
        throw new Error(
          `${this.#server.side}: user ${user} has selectors, which this fence does not reach; give a hold instead`,
        );
    }
  }

  async close(): Promise<void> {
    const known = await this.#known();
    for (const user of this.#users) {
      const name = this.#field(user);
      if (!known.has(name)) {
        const commands = text((await this.#about(user)).get("commands"));
        for (const server of [this.#other, this.#server]) await server.ask("HSETNX", RECORD, name, commands);
      }
      await this.#server.ask("ACL", "SETUSER", user, "-@write");
    }
  }

  async open(): Promise<void> {
    const known = await this.#known();
    for (const user of this.#users) {
      const commands = known.get(this.#field(user));
      if (commands === undefined) continue;
      await this.#server.ask("ACL", "SETUSER", user, "-@all", ...commands.split(" "));
      for (const server of [this.#server, this.#other]) await server.ask("HDEL", RECORD, this.#field(user));
    }
  }

  /** Asked of the server: whether any of them may write now. */
  async isClosed(): Promise<boolean> {
    const known = await this.#known();
    for (const user of this.#users) {
      const before = known.get(this.#field(user));
      if (before === undefined || text((await this.#about(user)).get("commands")) === before) return false;
    }
    return true;
  }

  async #known(): Promise<Map<string, string>> {
    const [other, own] = await Promise.all([readRecord(this.#other), readRecord(this.#server)]);
    return new Map([...other, ...own]);
  }

  async #about(user: string) {
    const reply = await this.#server.ask("ACL", "GETUSER", user);
    if (reply === null) throw new Error(`${this.#server.side}: there is no user ${user}; ACL LIST shows who there is`);
    return fields(reply);
  }

  #field(user: string): string {
    return `${FIELD}${this.#server.side} ${user}`;
  }
}

/** The users of a side that were stopped, as its record has them. */
export function usersOf(record: ReadonlyMap<string, string>, side: Side): string[] {
  const begin = `${FIELD}${side} `;
  return [...record.keys()].filter((name) => name.startsWith(begin)).map((name) => name.slice(begin.length));
}

/** Keys of a server that are still there, of those that were seen: names and lengths of the first few. */
export async function stillThere(
  server: Server,
  names: ReadonlySet<string>,
): Promise<{ count: number; first: Buffer[] }> {
  const keys = [...names].map((name) => Buffer.from(name, "latin1"));
  const replies = list(await server.pipeline(keys.map((key) => ["EXISTS", key] as const)));
  const there = keys.filter((_, at) => integer(replies[at]) === 1);
  return { count: there.length, first: there.slice(0, 5) };
}
