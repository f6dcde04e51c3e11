import { z } from "zod";
import { isMissingTable } from "../database.ts";
import { Refusal } from "../refusal.ts";
import type { Shop, ShopServer } from "../shop.ts";

const CACHE_SECONDS = 5;

const listQuery = z.object({
  search: z.string().trim().max(100).optional(),
  page: z.coerce.number().int().min(1).max(10_000).default(1),
  perPage: z.coerce.number().int().min(1).max(100).default(20),
});

interface ProductRow {
  id: number;
  title: string;
  description: string | null;
  price: string;
  rating: string | null;
}

interface ProductPage {
  products: ProductRow[];
  page: number;
  perPage: number;
  total: number;
}

const COLUMNS = "film_id AS id, title, description, rental_rate AS price, rating::text AS rating";

/** The catalogue: pages, full-text search, one product. Served from Redis for a few seconds. */
export function productRoutes(app: ShopServer, shop: Shop): void {
  app.get("/api/products", { schema: { querystring: listQuery } }, async (request) => {
    const { search, page, perPage } = request.query;
    const key = `products:${JSON.stringify([search ?? "", page, perPage])}`;
    const found = await cached(shop, key, () => listProducts(shop, search, page, perPage));
    return found ?? { products: [], page, perPage, total: 0 };
  });

  const params = z.object({ id: z.coerce.number().int().min(1).max(2_147_483_647) });
  app.get("/api/products/:id", { schema: { params } }, async (request) => {
    const { id } = request.params;
    const product = await cached(shop, `product:${id}`, () => findProduct(shop, id));
    if (!product) throw new Refusal(404, "product_unknown", `There is no product ${id}`);
    return product;
  });
}

async function listProducts(shop: Shop, search: string | undefined, page: number, perPage: number) {
  const matching = "FROM film WHERE $1::text IS NULL OR fulltext @@ websearch_to_tsquery('english', $1::text)";
  const wanted = search || null;
  const [products, counted] = await Promise.all([
    shop.database.query<ProductRow>(`SELECT ${COLUMNS} ${matching} ORDER BY film_id LIMIT $2 OFFSET $3`, [
      wanted,
      perPage,
      (page - 1) * perPage,
    ]),
    shop.database.query<{ total: string }>(`SELECT count(*) AS total ${matching}`, [wanted]),
  ]);
  return { products, page, perPage, total: Number(counted[0]?.total ?? 0) } satisfies ProductPage;
}

async function findProduct(shop: Shop, id: number): Promise<ProductRow | undefined> {
  const rows = await shop.database.query<ProductRow>(`SELECT ${COLUMNS} FROM film WHERE film_id = $1`, [id]);
  return rows[0];
}

/** What Redis remembers, else what the database says. Redis being away costs speed only; missing tables are `undefined`. */
async function cached<Value>(
  shop: Shop,
  key: string,
  load: () => Promise<Value | undefined>,
): Promise<Value | undefined> {
  const remembered = await shop.redis.get(key).catch(() => {
    shop.metrics.cache.inc({ result: "error" });
    return null;
  });
  if (remembered) {
    shop.metrics.cache.inc({ result: "hit" });
    return JSON.parse(remembered) as Value;
  }
  shop.metrics.cache.inc({ result: "miss" });
  try {
    const value = await load();
    if (value !== undefined) await shop.redis.set(key, JSON.stringify(value), "EX", CACHE_SECONDS).catch(() => null);
    return value;
  } catch (error) {
    if (isMissingTable(error)) return undefined;
    throw error;
  }
}
