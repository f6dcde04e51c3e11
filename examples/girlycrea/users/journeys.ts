import { randomUUID } from "node:crypto";
import { z } from "zod";
import { Account, logIn, signUp } from "./account.ts";
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

/** Fills a cart, or looks whether it is as it was left, wherever the shop is by now; adds something, and goes without an order. */
const undecided: Journey = {
  name: "undecided",
  requests: 4,
  async run(visit, customers) {
    const product = await browse(visit);
    const customer = customers.undecided();
    if (!customer) return;
    visit.cookies = customer.cookies;
    const account = new Account(visit, customers, customer);
    if (customer.side === null) await signUp(visit, customers, customer);
    else await account.lookAtCart(product);
    await account.fillCart(product);
    customer.cookies = visit.cookies;
    customers.leaveCart(customer);
  },
};

/** The last look of somebody who has left a cart. */
export async function lookOnceMore(visit: Visit, customers: Customers, customer: Customer): Promise<void> {
  visit.cookies = customer.cookies;
  await new Account(visit, customers, customer).lookAtCart(customer.cart[0]?.product ?? 1);
}

/** Who comes in which order, over and over: half of them only look. */
export const CYCLE: readonly Journey[] = [windowShopper, newcomer, windowShopper, regular, windowShopper, undecided];

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

/** From the cart to the order, by one customer, with one token whatever happens on the way. */
class Purchase {
  readonly #visit: Visit;
  readonly #account: Account;
  readonly #product: number;
  readonly #token = randomUUID();

  constructor(visit: Visit, customers: Customers, customer: Customer, product: number) {
    this.#visit = visit;
    this.#account = new Account(visit, customers, customer);
    this.#product = product;
  }

  async run(): Promise<void> {
    await this.#account.fillCart(this.#product);
    await this.#account.lookAtCart(this.#product);
    const confirmed = await this.#checkOut();
    await this.#seeOrder(confirmed);
  }

  async #checkOut(): Promise<Reply> {
    const body = { token: this.#token, payment: "test" };
    for (;;) {
      const request: Request = { method: "POST", path: "/api/checkout", body };
      const reply = await this.#account.ask("checkout", this.#product, request, (answer) =>
        answer.status === 422
          ? this.#account.cartLost(answer, "the cart is on the other side")
          : expects(200, 201)(answer),
      );
      if (reply.status !== 422) {
        this.#visit.diary.order({ token: this.#token, at: this.#visit.now(), side: reply.side });
        return reply;
      }
      await this.#account.refill(this.#product);
    }
  }

  async #seeOrder(confirmed: Reply): Promise<void> {
    const request: Request = { method: "GET", path: `/api/orders/${this.#token}` };
    await this.#account.ask("order", this.#product, request, (answer) =>
      answer.status === 404 && answer.side !== null && answer.side !== confirmed.side
        ? { kind: "ok", error: ORDER_ELSEWHERE }
        : expects(200)(answer),
    );
  }
}
