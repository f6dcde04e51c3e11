import type { Redis } from "ioredis";
import { z } from "zod";
import { Refusal } from "../refusal.ts";
import { requireSession, type Session } from "../sessions.ts";
import type { Shop, ShopServer } from "../shop.ts";

const SECONDS = 24 * 3600;
const MOST_OF_ONE = 99;

const addBody = z.object({
  product: z.number().int().min(1).max(2_147_483_647),
  quantity: z.number().int().min(1).max(MOST_OF_ONE).default(1),
});

export interface CartLine {
  product: number;
  quantity: number;
}

/** The cart lives in Redis with its session and is forgotten a day after its last change. */
export function cartRoutes(app: ShopServer, shop: Shop): void {
  app.get("/api/cart", async (request) => {
    const session = await requireSession(shop.redis, request);
    return { lines: await readCart(shop.redis, session) };
  });

  app.post("/api/cart", { schema: { body: addBody } }, async (request, reply) => {
    const session = await requireSession(shop.redis, request);
    const { product, quantity } = request.body;
    const rows = await shop.database.query("SELECT 1 FROM film WHERE film_id = $1", [product]);
    if (rows.length === 0) throw new Refusal(404, "product_unknown", `There is no product ${product}`);
    const results = await shop.redis
      .multi()
      .hincrby(cartKey(session), String(product), quantity)
      .expire(cartKey(session), SECONDS)
      .exec();
    if (!results || results.some(([error]) => error)) throw new Refusal(503, "unavailable", "The cart was not saved");
    return reply.code(201).send({ lines: await readCart(shop.redis, session) });
  });
}

function cartKey(session: Session): string {
  return `cart:${session.key}`;
}

/** The lines of a session's cart, in the order of their product numbers. */
export async function readCart(redis: Redis, session: Session): Promise<CartLine[]> {
  const stored = await redis.hgetall(cartKey(session));
  return Object.entries(stored)
    .map(([product, quantity]) => ({ product: Number(product), quantity: Math.min(Number(quantity), MOST_OF_ONE) }))
    .sort((one, other) => one.product - other.product);
}

/** Empties the cart after its order is safe in the database. */
export async function clearCart(redis: Redis, session: Session): Promise<void> {
  await redis.del(cartKey(session));
}
