import { randomUUID } from "node:crypto";
import { z } from "zod";
import type { Reply, Request } from "./browser.ts";
import type { Customer, Customers } from "./customers.ts";
import { ORDER_ELSEWHERE } from "./summary.ts";
import { broken, expects, type Verdict, type Visit } from "./visit.ts";

const page = z.object({ products: z.array(z.object({ id: z.number(), title: z.string() })).min(1) });

/** A journey and how many requests it makes when nothing unusual happens. */
export interface Journey {
  name: string;
  requests: number;
  run(visit: Visit, customers: Customers): Promise<void>;
}

const windowShopper: Journey = {
  name: "browse",
  requests: 4,
  async run(visit) {
    const found = await browse(visit);
    await seeProduct(visit, found);
    await seeProduct(visit, found + 1);
  },
};

const newcomer: Journey = {
  name: "newcomer",
  requests: 8,
  async run(visit, customers) {
    const product = await browse(visit);
    await seeProduct(visit, product);
    const customer = customers.create();
    await signUp(visit, customers, customer);
    await new Purchase(visit, customers, customer, product).run();
    customers.farewell(customer);
  },
};

const regular: Journey = {
  name: "regular",
  requests: 8,
  async run(visit, customers) {
    const product = await browse(visit);
    await seeProduct(visit, product);
    const customer = customers.returning();
    if (customer) await logIn(visit, customers, customer);
    const who = customer ?? customers.create();
    if (!customer) await signUp(visit, customers, who);
    await new Purchase(visit, customers, who, product).run();
    customers.farewell(who);
  },
};

/** Who comes in which order, over and over: three of five only look. */
export const CYCLE: readonly Journey[] = [windowShopper, newcomer, windowShopper, regular, windowShopper];

/** A page of the catalogue, then a search for a word seen there: works with any catalogue. */
async function browse(visit: Visit): Promise<number> {
  const list = await visit.step("browse", { method: "GET", path: "/api/products?page=1" }, expectsProducts);
  const { products } = page.parse(list.body);
  const chosen = products[new Date().getMilliseconds() % products.length];
  const word = chosen?.title.split(" ")[0] ?? "";
  const search: Request = { method: "GET", path: `/api/products?search=${encodeURIComponent(word)}` };
  await visit.step("search", search, expects(200));
  return chosen?.id ?? 1;
}

function expectsProducts(reply: Reply): Verdict {
  if (reply.status !== 200) return broken(reply);
  return page.safeParse(reply.body).success ? { kind: "ok" } : broken(reply, "the catalogue is empty");
}

async function seeProduct(visit: Visit, id: number): Promise<void> {
  await visit.step("product", { method: "GET", path: `/api/products/${id}` }, expects(200));
}

/** Signs up; logs in where a shop that has moved back has the account already. */
async function signUp(visit: Visit, customers: Customers, customer: Customer): Promise<void> {
  const { email, password, name } = customer;
  const request: Request = { method: "POST", path: "/api/auth/signup", body: { email, password, name } };
  const reply = await visit.step("signup", request, (answer) =>
    answer.status === 409 && customer.side !== null && customers.hasMovedSince(customer, answer.side)
      ? { kind: "ok", error: "the account is here after all", relogin: true }
      : expects(201)(answer),
  );
  if (reply.status === 409) return logIn(visit, customers, customer);
  customers.confirm(customer, reply.side);
}

/** Logs in; signs up again where a shop that has moved does not have the account. */
async function logIn(visit: Visit, customers: Customers, customer: Customer): Promise<void> {
  const { email, password } = customer;
  const request: Request = { method: "POST", path: "/api/auth/login", body: { email, password } };
  const reply = await visit.step("login", request, (answer) => {
    if (answer.status !== 401) return expects(200)(answer);
    return customers.hasMovedSince(customer, answer.side)
      ? { kind: "ok", error: "the account is on the other side", relogin: true }
      : broken(answer, "the shop has forgotten the account");
  });
  if (reply.status === 401) return signUp(visit, customers, customer);
  customers.confirm(customer, reply.side);
}

/** From the cart to the order, by one customer, with one token whatever happens on the way. */
class Purchase {
  readonly #visit: Visit;
  readonly #customers: Customers;
  readonly #customer: Customer;
  readonly #product: number;
  readonly #token = randomUUID();

  constructor(visit: Visit, customers: Customers, customer: Customer, product: number) {
    this.#visit = visit;
    this.#customers = customers;
    this.#customer = customer;
    this.#product = product;
  }

  async run(): Promise<void> {
    await this.#fillCart();
    await this.#asCustomer("cart", { method: "GET", path: "/api/cart" }, expects(200));
    const confirmed = await this.#checkOut();
    await this.#seeOrder(confirmed);
  }

  async #fillCart(): Promise<void> {
    const request: Request = { method: "POST", path: "/api/cart", body: { product: this.#product, quantity: 1 } };
    await this.#asCustomer("cart-add", request, expects(201));
  }

  async #checkOut(): Promise<Reply> {
    const body = { token: this.#token, payment: "test" };
    for (;;) {
      const reply = await this.#asCustomer("checkout", { method: "POST", path: "/api/checkout", body }, (answer) =>
        answer.status === 422 && this.#customers.hasMovedSince(this.#customer, answer.side)
          ? { kind: "ok", error: "the cart is on the other side" }
          : expects(200, 201)(answer),
      );
      if (reply.status !== 422) {
        this.#visit.diary.order({ token: this.#token, at: this.#visit.now(), side: reply.side });
        return reply;
      }
      this.#customers.confirm(this.#customer, reply.side);
      await this.#fillCart();
    }
  }

  async #seeOrder(confirmed: Reply): Promise<void> {
    await this.#asCustomer("order", { method: "GET", path: `/api/orders/${this.#token}` }, (answer) =>
      answer.status === 404 && answer.side !== null && answer.side !== confirmed.side
        ? { kind: "ok", error: ORDER_ELSEWHERE }
        : expects(200)(answer),
    );
  }

  /** A step that needs a session. Where a shop that has moved does not know it, the customer logs in and tries again. */
  async #asCustomer(name: string, request: Request, judge: (reply: Reply) => Verdict): Promise<Reply> {
    for (;;) {
      const reply = await this.#visit.step(name, request, (answer) => {
        if (answer.status !== 401) return judge(answer);
        return this.#customers.hasMovedSince(this.#customer, answer.side)
          ? { kind: "ok", error: "the session is on the other side", relogin: true }
          : broken(answer, "the shop has forgotten the session");
      });
      if (reply.status !== 401) return reply;
      await logIn(this.#visit, this.#customers, this.#customer);
      if (name === "cart" || name === "checkout") await this.#fillCart();
    }
  }
}
