import assert from "node:assert/strict";
import type { Reply } from "../../examples/girlycrea/users/browser.ts";
import { Customers } from "../../examples/girlycrea/users/customers.ts";
import { CYCLE } from "../../examples/girlycrea/users/journeys.ts";
import { arrivalInterval } from "../../examples/girlycrea/users/load.ts";
import { ORDER_ELSEWHERE } from "../../examples/girlycrea/users/summary.ts";
import { FakeShop, type Outcome, type Side, visit } from "./fake-shop.ts";

const steps = ({ records }: Outcome) => records.map(({ step, kind }) => (kind === "ok" ? step : `${step} ${kind}`));
const HELD: Reply = { status: 503, side: "blue", retryAfter: 5 };

describe("journeys of the users", () => {
  it("make the requests they announce, so that the rate is what was asked for", async () => {
    for (const { name, requests } of CYCLE) {
      const customers = new Customers();
      const known = customers.create();
      const shop = new FakeShop();
      await shop.browser().send({ method: "POST", path: "/api/auth/signup", body: { email: known.email } });
      customers.confirm(known, "blue");
      customers.farewell(known);
      const outcome = await visit(shop, name, customers);
      assert.equal(outcome.records.length, requests, `${name}: ${steps(outcome).join(", ")}`);
      assert.ok(!outcome.gaveUp);
    }
    assert.equal(Math.round(arrivalInterval(20)), 267);
  });

  it("wait when a write is held and come back with the same token", async () => {
    const shop = new FakeShop();
    const tokens: unknown[] = [];
    shop.before = ({ path, body }) => {
      if (path !== "/api/checkout") return;
      tokens.push((body as { token: string }).token);
      if (tokens.length <= 2) shop.surprises = [HELD];
    };
    const outcome = await visit(shop, "newcomer");
    assert.deepEqual(steps(outcome).slice(-4), ["checkout held", "checkout held", "checkout", "order"]);
    assert.equal(new Set(tokens).size, 1);
    assert.equal(tokens.length, 3);
    const [first, second] = outcome.records.filter(({ kind }) => kind === "held");
    assert.ok(
      Date.parse(second?.at ?? "") - Date.parse(first?.at ?? "") >= 5_000,
      "the user waits as long as it was asked",
    );
    assert.deepEqual(shop.orders.blue, [outcome.orders[0]?.token]);
  });

  it("call a 503 a failure when it does not say when to come back, or when it answers a read", async () => {
    const broken = new FakeShop();
    broken.before = ({ path }) => {
      if (path === "/api/auth/signup") broken.surprises = [{ status: 503, side: "blue" }];
    };
    const outcome = await visit(broken, "newcomer");
    assert.deepEqual(steps(outcome).at(-1), "signup failed");
    assert.ok(outcome.gaveUp);
    const read = new FakeShop();
    read.surprises = [HELD];
    assert.deepEqual(steps(await visit(read, "browse")), ["browse failed"]);
  });

  it("record a timeout as a failure without status", async () => {
    const shop = new FakeShop();
    shop.surprises = [{ status: 0, side: null, error: "no answer within the time" }];
    const [record] = (await visit(shop, "browse")).records;
    assert.deepEqual([record?.status, record?.kind, record?.error], [0, "failed", "no answer within the time"]);
  });

  it("take an empty catalogue for a failure", async () => {
    const shop = new FakeShop();
    shop.surprises = [{ status: 200, side: "green", body: { products: [] } }];
    assert.equal((await visit(shop, "browse")).records[0]?.error, "the catalogue is empty");
  });

  it("log in again after a move, fill the cart again, and order once", async () => {
    const shop = new FakeShop();
    let moved = false;
    shop.before = ({ path }) => {
      if (path !== "/api/checkout" || moved) return;
      moved = true;
      shop.live = "green";
    };
    const outcome = await visit(shop, "newcomer");
    assert.ok(!outcome.gaveUp);
    assert.deepEqual(steps(outcome).slice(-7), [
      "cart",
      "checkout",
      "login",
      "signup",
      "cart-add",
      "checkout",
      "order",
    ]);
    assert.equal(outcome.records.filter(({ relogin }) => relogin).length, 2);
    assert.equal(shop.orders.green.length, 1);
    assert.equal(outcome.orders[0]?.side, "green");
  });

  it("follow a shop that moves away and straight back", async () => {
    const shop = new FakeShop();
    const after: Record<string, Side> = { "cart-add": "green", login: "blue" };
    shop.before = ({ path, method }) => {
      const step = path === "/api/cart" && method === "POST" ? "cart-add" : path.slice("/api/auth/".length);
      const side = after[step];
      if (!side) return;
      delete after[step];
      shop.live = "green";
      // The answer still comes from green; by the next request the shop is on `side`.
      queueMicrotask(() => {
        shop.live = side;
      });
    };
    const outcome = await visit(shop, "newcomer");
    assert.ok(!outcome.gaveUp, steps(outcome).join(", "));
    assert.deepEqual(steps(outcome).slice(3), [
      "signup",
      "cart-add",
      "login",
      "signup",
      "login",
      "cart-add",
      "cart",
      "checkout",
      "order",
    ]);
    assert.equal(shop.orders.blue.length, 1);
  });

  it("call it a failure when the shop forgets a session without having moved", async () => {
    const shop = new FakeShop();
    shop.before = ({ path }) => {
      if (path === "/api/cart") shop.surprises = [{ status: 401, side: "blue" }];
    };
    const outcome = await visit(shop, "newcomer");
    assert.equal(outcome.records.at(-1)?.error, "the shop has forgotten the session");
    assert.ok(outcome.gaveUp);
  });

  const backOnGreen = async (change: (shop: FakeShop) => void) => {
    const [shop, customers] = [new FakeShop(), new Customers()];
    shop.sharesKeys = true;
    assert.ok(!(await visit(shop, "undecided", customers)).gaveUp);
    // Everybody else is new, and the pool of those who come back is full.
    const [customer] = customers.absent;
    while (customers.undecided() !== customer);
    assert.ok(customer);
    customers.leaveCart(customer);
    change(shop);
    return visit(shop, "undecided", customers);
  };

  it("come back to a full cart, and find it on the other side as it was left", async () => {
    const outcome = await backOnGreen((shop) => {
      shop.live = "green";
    });
    assert.deepEqual(steps(outcome), ["browse", "search", "cart", "cart-add"]);
    assert.deepEqual(
      outcome.records.map(({ carried = false }) => carried),
      [false, false, true, false],
    );
  });

  it("note a cart and a session that did not come along, and begin anew", async () => {
    const emptied = await backOnGreen((shop) => {
      shop.live = "green";
      shop.lostPieces = 1;
    });
    assert.deepEqual(
      emptied.records.map(({ lost, carried }) => lost ?? carried),
      [undefined, undefined, "cart", undefined],
    );
    assert.ok(!emptied.gaveUp);
    const forgotten = await backOnGreen((shop) => {
      shop.live = "green";
      shop.sharesKeys = false;
    });
    assert.deepEqual(steps(forgotten).slice(2), ["cart", "login", "signup", "cart-add", "cart", "cart-add"]);
    assert.deepEqual(
      forgotten.records.flatMap(({ lost }) => lost ?? []),
      ["session"],
    );
  });

  it("see at the next thing they add that what was in the cart is gone", async () => {
    const outcome = await backOnGreen((shop) => {
      shop.live = "green";
      shop.before = ({ method, path }) => {
        if (method !== "POST" || path !== "/api/cart") return;
        shop.live = "blue";
        shop.lostPieces = 1;
      };
    });
    assert.deepEqual(
      outcome.records.map(({ lost }) => lost),
      [undefined, undefined, undefined, "cart"],
    );
  });

  it("note a cart that is empty when it is to be paid for, and fill it again", async () => {
    const [shop, customers] = [new FakeShop(), new Customers()];
    shop.sharesKeys = true;
    shop.before = ({ path }) => {
      if (!path.startsWith("/api/checkout")) return;
      shop.live = "green";
      shop.lostPieces = 1;
      shop.before = () => undefined;
    };
    const outcome = await visit(shop, "newcomer", customers);
    assert.deepEqual(steps(outcome).slice(-4), ["checkout", "cart-add", "checkout", "order"]);
    assert.deepEqual(
      outcome.records.flatMap(({ lost }) => lost ?? []),
      ["cart"],
    );
  });

  it("call it a failure when a cart changes without a move", async () => {
    const outcome = await backOnGreen((shop) => {
      shop.lostPieces = 1;
    });
    assert.equal(outcome.records.at(-1)?.error, "the cart is not as it was left");
    assert.ok(outcome.gaveUp);
  });

  it("call it a failure when the side that confirmed an order does not know it", async () => {
    const lost = new FakeShop();
    lost.before = ({ path }) => {
      if (path.startsWith("/api/orders/")) lost.orders.blue.length = 0;
    };
    assert.deepEqual(steps(await visit(lost, "newcomer")).at(-1), "order failed");
  });

  it("note an order that the other side does not have yet, without calling it broken", async () => {
    const shop = new FakeShop();
    shop.before = ({ path }) => {
      if (path.startsWith("/api/orders/")) shop.surprises = [{ status: 404, side: "green" }];
    };
    const outcome = await visit(shop, "newcomer");
    assert.deepEqual([outcome.records.at(-1)?.kind, outcome.records.at(-1)?.error], ["ok", ORDER_ELSEWHERE]);
  });

  it("measure from when a request was due, not from when a slow shop let it start", async () => {
    const outcome = await visit(new FakeShop(), "browse", new Customers(), 250);
    assert.deepEqual(
      outcome.records.map(({ ms }) => ms),
      [250, 400, 550, 700],
      "due every 100 ms, answered every 250: the wait of the later ones counts",
    );
  });
});
