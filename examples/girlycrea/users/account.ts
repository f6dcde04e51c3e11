import { z } from "zod";
import type { Reply, Request } from "./browser.ts";
import type { CartLine, Customer, Customers } from "./customers.ts";
import { broken, expects, type Verdict, type Visit } from "./visit.ts";

const cart = z.object({ lines: z.array(z.object({ product: z.number(), quantity: z.number() })) });

/** Signs up; logs in where a shop that has moved back has the account already. */
export async function signUp(visit: Visit, customers: Customers, customer: Customer): Promise<void> {
  const { email, password, name } = customer;
  const request: Request = { method: "POST", path: "/api/auth/signup", body: { email, password, name } };
  const reply = await visit.step("signup", request, (answer) =>
    answer.status === 409 && customer.side !== null && customers.hasMovedSince(customer, answer.side)
      ? { kind: "ok", error: "the account is here after all", relogin: true }
      : expects(201)(answer),
  );
  if (reply.status === 409) return logIn(visit, customers, customer);
  begin(customers, customer, reply);
}

/** Logs in; signs up again where a shop that has moved does not have the account. */
export async function logIn(visit: Visit, customers: Customers, customer: Customer): Promise<void> {
  const { email, password } = customer;
  const request: Request = { method: "POST", path: "/api/auth/login", body: { email, password } };
  const reply = await visit.step("login", request, (answer) => {
    if (answer.status !== 401) return expects(200)(answer);
    return customers.hasMovedSince(customer, answer.side)
      ? { kind: "ok", error: "the account is on the other side", relogin: true }
      : broken(answer, "the shop has forgotten the account");
  });
  if (reply.status === 401) return signUp(visit, customers, customer);
  begin(customers, customer, reply);
}

/** A new session has an empty cart. */
function begin(customers: Customers, customer: Customer, reply: Reply): void {
  customers.confirm(customer, reply.side);
  customer.cart = [];
}

/**
 * A customer with a session, and a cart that belongs to it. Both must be on whichever side the shop answers from; where a shop that has
 * moved does not have them, that is noted as a loss and not as a failure, and the customer begins anew.
 */
export class Account {
  readonly #visit: Visit;
  readonly #customers: Customers;
  readonly #customer: Customer;

  constructor(visit: Visit, customers: Customers, customer: Customer) {
    this.#visit = visit;
    this.#customers = customers;
    this.#customer = customer;
  }

  /** One piece of a product, to what is in the cart. */
  async fillCart(product: number): Promise<void> {
    const request: Request = { method: "POST", path: "/api/cart", body: { product, quantity: 1 } };
    const reply = await this.ask("cart-add", product, request, (answer) => {
      if (answer.status !== 201) return broken(answer);
      return withOneMore(this.#customer.cart, product).every((line) => holds(linesOf(answer), line))
        ? { kind: "ok" }
        : this.cartLost(answer, "what was in the cart is gone");
    });
    this.#noteCart(reply);
  }

  /** The shop said that nothing is in the cart: begins it anew. */
  async refill(product: number): Promise<void> {
    this.#customer.cart = [];
    await this.fillCart(product);
  }

  /** Looks whether the cart is as it was left, on the side of before or on the other one. */
  async lookAtCart(product: number): Promise<void> {
    const reply = await this.ask("cart", product, { method: "GET", path: "/api/cart" }, (answer) => {
      if (answer.status !== 200) return broken(answer);
      const [left, found] = [this.#customer.cart, linesOf(answer)];
      if (left.length !== found.length || !left.every((line) => isIn(found, line)))
        return this.cartLost(answer, "the cart is not as it was left");
      return answer.side === this.#customer.side ? { kind: "ok" } : { kind: "ok", carried: true };
    });
    this.#noteCart(reply);
  }

  /**
   * A step that needs a session. Where a shop that has moved does not know it, the customer logs in and tries again.
   * @param product what goes into the new session's cart, where the step needs one that is not empty
   */
  async ask(name: string, product: number, request: Request, judge: (reply: Reply) => Verdict): Promise<Reply> {
    for (;;) {
      const reply = await this.#visit.step(name, request, (answer) => {
        if (answer.status !== 401) return judge(answer);
        return this.#customers.hasMovedSince(this.#customer, answer.side)
          ? { kind: "ok", error: "the session is on the other side", relogin: true, lost: "session" }
          : broken(answer, "the shop has forgotten the session");
      });
      if (reply.status !== 401) return reply;
      await logIn(this.#visit, this.#customers, this.#customer);
      if (name === "cart" || name === "checkout") await this.fillCart(product);
    }
  }

  /** What to make of an answer that shows less than the customer has put into the cart. */
  cartLost(answer: Reply, what: string): Verdict {
    return this.#customers.hasMovedSince(this.#customer, answer.side)
      ? { kind: "ok", error: what, lost: "cart" }
      : broken(answer, what);
  }

  #noteCart(reply: Reply): void {
    this.#customer.cart = linesOf(reply);
    this.#customers.confirm(this.#customer, reply.side);
  }
}

function linesOf({ body }: Reply): CartLine[] {
  return cart.safeParse(body).data?.lines ?? [];
}

/** The shop sells so many of one product at once, whatever is asked for. */
const MOST_OF_ONE = 99;

function withOneMore(lines: readonly CartLine[], product: number): CartLine[] {
  const before = lines.find((line) => line.product === product)?.quantity ?? 0;
  const others = lines.filter((line) => line.product !== product);
  return [...others, { product, quantity: Math.min(before + 1, MOST_OF_ONE) }];
}

/** A command that a broken connection repeats may count twice, so more is no loss. */
function holds(lines: readonly CartLine[], { product, quantity }: CartLine): boolean {
  return lines.some((line) => line.product === product && line.quantity >= quantity);
}

function isIn(lines: readonly CartLine[], { product, quantity }: CartLine): boolean {
  return lines.some((line) => line.product === product && line.quantity === quantity);
}
