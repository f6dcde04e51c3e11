import assert from "node:assert/strict";
import type { Browser, Reply, Request } from "../../examples/girlycrea/users/browser.ts";
import { Customers } from "../../examples/girlycrea/users/customers.ts";
import { CYCLE } from "../../examples/girlycrea/users/journeys.ts";
import type { AckedOrder, RequestRecord } from "../../examples/girlycrea/users/records.ts";
import { Disappointed, Visit } from "../../examples/girlycrea/users/visit.ts";

export type Side = "blue" | "green";

/** A shop in memory with two sides that know nothing of each other; one browser at a time talks to it. */
export class FakeShop {
  live: Side = "blue";
  /** Answers that come instead of the shop's own, the next one first. */
  surprises: (Reply | undefined)[] = [];
  /** Called before every answer, so that a test can move the shop in the middle of a journey. */
  before: (request: Request) => void = () => undefined;
  /** Whether both sides have the same sessions and carts, as where keys move. */
  sharesKeys = false;
  /** Taken from the cart before the next answer. */
  lostPieces = 0;
  readonly orders: Record<Side, string[]> = { blue: [], green: [] };
  readonly #accounts: Record<Side, Set<string>> = { blue: new Set(), green: new Set() };
  #session: { side: Side; cart: number } | undefined;

  browser(): Browser {
    return { cookies: new Map(), send: async (request) => this.#answer(request), close: () => undefined };
  }

  #answer(request: Request): Reply {
    this.before(request);
    const surprise = this.surprises.shift();
    if (surprise) return surprise;
    const body = (request.body ?? {}) as { email?: string; token?: string };
    const session = this.sharesKeys || this.#session?.side === this.live ? this.#session : undefined;
    if (session) session.cart -= this.lostPieces;
    this.lostPieces = 0;
    const reply = (status: number, content: unknown = {}): Reply => ({ status, side: this.live, body: content });
    if (request.path.startsWith("/api/products?")) return reply(200, { products: [{ id: 3, title: "AMBER PIN" }] });
    if (request.path.startsWith("/api/products/")) return reply(200);
    const known = this.#accounts[this.live].has(body.email ?? "");
    if (request.path === "/api/auth/login" && !known) return reply(401);
    if (request.path === "/api/auth/signup" && known) return reply(409);
    if (request.path.startsWith("/api/auth/")) {
      this.#accounts[this.live].add(body.email ?? "");
      this.#session = { side: this.live, cart: 0 };
      return reply(request.path.endsWith("signup") ? 201 : 200);
    }
    if (!session) return reply(401);
    if (request.path === "/api/cart" && request.method === "POST") session.cart += 1;
    if (request.path === "/api/cart") {
      const lines = session.cart > 0 ? [{ product: 3, quantity: session.cart }] : [];
      return reply(request.method === "POST" ? 201 : 200, { lines });
    }
    if (request.path === "/api/checkout") return this.#checkOut(session, body.token ?? "", reply);
    return reply(this.orders[this.live].includes(request.path.split("/").at(-1) ?? "") ? 200 : 404);
  }

  #checkOut(session: { cart: number }, token: string, reply: (status: number) => Reply): Reply {
    if (this.orders[this.live].includes(token)) return reply(200);
    if (session.cart === 0) return reply(422);
    this.orders[this.live].push(token);
    session.cart = 0;
    return reply(201);
  }
}

export interface Outcome {
  records: RequestRecord[];
  orders: AckedOrder[];
  gaveUp: boolean;
}

/** Lets one user through a journey against the shop; time jumps instead of passing. */
export async function visit(
  shop: FakeShop,
  journey: string,
  customers = new Customers(),
  answerMs = 5,
): Promise<Outcome> {
  const outcome: Outcome = { records: [], orders: [], gaveUp: false };
  const chosen = CYCLE.find(({ name }) => name === journey);
  assert.ok(chosen, `there is no journey ${journey}`);
  let now = 1_000_000;
  const browser = shop.browser();
  const user = new Visit({
    number: 1,
    journey,
    arrival: now,
    think: 100,
    browser: {
      ...browser,
      send: async (request) => {
        now += answerMs;
        return browser.send(request);
      },
    },
    clock: {
      now: () => now,
      sleepUntil: async (time) => {
        now = Math.max(now, time);
      },
    },
    diary: {
      request: (record) => {
        customers.saw(record.side);
        outcome.records.push(record);
      },
      order: (order) => outcome.orders.push(order),
    },
  });
  try {
    await chosen.run(user, customers);
  } catch (error) {
    assert.ok(error instanceof Disappointed, String(error));
    outcome.gaveUp = true;
  }
  return outcome;
}
