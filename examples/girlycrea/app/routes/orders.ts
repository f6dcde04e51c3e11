import { z } from "zod";
import type { Database } from "../database.ts";
import { Refusal } from "../refusal.ts";
import { requireSession, type Session } from "../sessions.ts";
import type { Shop, ShopServer } from "../shop.ts";
import { type CartLine, clearCart, readCart } from "./cart.ts";

const checkoutBody = z.object({
  /** Made by the client before its first try and sent again with every retry. */
  token: z.uuid(),
  /** No card is charged: the only way to pay is the test mode. */
  payment: z.literal("test"),
});

interface OrderRow {
  id: string;
  token: string;
  account: string;
  total: string;
  created_at: Date;
}

const SELECT_ORDER = "SELECT id, token, account, total, created_at FROM shop_order WHERE token = $1";

/** Checkout in test mode and the state of an order. */
export function orderRoutes(app: ShopServer, shop: Shop): void {
  app.post("/api/checkout", { schema: { body: checkoutBody } }, async (request, reply) => {
    const session = await requireSession(shop.redis, request);
    const cart = await readCart(shop.redis, session);
    const { order, created } = await placeOrder(shop, session, request.body.token, cart);
    shop.metrics.orders.inc({ result: created ? "created" : "repeated" });
    // The order stands whatever becomes of the cart; a cart left over is a nuisance, a failed answer would be a lie.
    await clearCart(shop.redis, session).catch((error) => request.log.warn({ err: error }, "the cart was not emptied"));
    return reply.code(created ? 201 : 200).send({ ...present(order), repeated: !created });
  });

  const params = z.object({ token: z.uuid() });
  app.get("/api/orders/:token", { schema: { params } }, async (request) => {
    const session = await requireSession(shop.redis, request);
    const order = (await shop.database.query<OrderRow>(SELECT_ORDER, [request.params.token]))[0];
    if (!order || order.account !== session.account) throw new Refusal(404, "order_unknown", "There is no such order");
    const lines = await shop.database.query<CartLine & { price: string }>(
      'SELECT product, quantity, price FROM shop_order_line WHERE "order" = $1 ORDER BY product',
      [order.id],
    );
    return { ...present(order), lines };
  });
}

function present(order: OrderRow) {
  return { token: order.token, total: order.total, createdAt: order.created_at.toISOString() };
}

/**
 * One transaction: the order with its lines, or the order this token made before. Two retries at once meet at the unique
 * token: the second waits for the first to commit and then finds its order.
 */
function placeOrder(shop: Shop, session: Session, token: string, cart: CartLine[]) {
  return shop.database.transaction(async (query) => {
    const known = (await query<OrderRow>(SELECT_ORDER, [token]))[0];
    if (known) return { order: ownOrder(known, session), created: false };
    await requireAccount(query, session);
    const lines = await priceLines(query, cart);
    const inserted = await query<OrderRow>(
      `INSERT INTO shop_order (token, account, total)
       SELECT $1, $2, sum(price * quantity) FROM unnest($3::numeric[], $4::int[]) AS line (price, quantity)
       ON CONFLICT (token) DO NOTHING RETURNING id, token, account, total, created_at`,
      [token, session.account, lines.map((line) => line.price), lines.map((line) => line.quantity)],
    );
    const order = inserted[0];
    if (!order) {
      const raced = (await query<OrderRow>(SELECT_ORDER, [token]))[0];
      if (!raced) throw new Refusal(409, "token_in_use", "This checkout is being handled, try again");
      return { order: ownOrder(raced, session), created: false };
    }
    await query(
      `INSERT INTO shop_order_line ("order", product, quantity, price)
       SELECT $1, product, quantity, price FROM unnest($2::int[], $3::int[], $4::numeric[]) AS line (product, quantity, price)`,
      [order.id, lines.map((l) => l.product), lines.map((l) => l.quantity), lines.map((l) => l.price)],
    );
    return { order, created: true };
  });
}

/**
 * A session outlives the database it was opened on when the data is restored under it: the number in it may be nobody's by
 * then, or somebody else's.
 */
async function requireAccount(query: Database["query"], session: Session): Promise<void> {
  const rows = await query("SELECT 1 FROM shop_account WHERE id = $1 AND email = $2", [session.account, session.email]);
  if (rows.length === 0) throw new Refusal(401, "session_unknown", "The session has ended, log in again");
}

function ownOrder(order: OrderRow, session: Session): OrderRow {
  if (order.account !== session.account) throw new Refusal(409, "token_in_use", "This token belongs to another order");
  return order;
}

/** Prices come from the catalogue at the moment of the order, never from the client. */
async function priceLines(query: Database["query"], cart: CartLine[]): Promise<(CartLine & { price: string })[]> {
  if (cart.length === 0) throw new Refusal(422, "cart_empty", "There is nothing in the cart");
  const rows = await query<{ id: number; price: string }>(
    "SELECT film_id AS id, rental_rate AS price FROM film WHERE film_id = ANY ($1::int[])",
    [cart.map((line) => line.product)],
  );
  const prices = new Map(rows.map((row) => [row.id, row.price]));
  return cart.map((line) => {
    const price = prices.get(line.product);
    if (price === undefined) throw new Refusal(422, "product_unknown", `Product ${line.product} is no longer sold`);
    return { ...line, price };
  });
}
