import type { Shop, ShopServer } from "../shop.ts";

/** Fails fast: a health answer that comes late is worse for the proxy than a bad one. */
async function answersWithin(milliseconds: number, work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error("late")), milliseconds);
  });
  try {
    await Promise.race([work, late]);
    return true;
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}

/** `/api/health` for the proxy and the load balancer, `/metrics` for Prometheus. */
export function healthRoutes(app: ShopServer, shop: Shop): void {
  app.get("/api/health", async (_request, reply) => {
    let catalogue = false;
    const look = shop.database
      .query<{ present: boolean }>("SELECT to_regclass('film') IS NOT NULL AS present")
      .then((rows) => {
        catalogue = rows[0]?.present ?? false;
      });
    const [database, redis] = await Promise.all([answersWithin(2_000, look), answersWithin(2_000, shop.redis.ping())]);
    const healthy = database && redis;
    return reply.code(healthy ? 200 : 503).send({
      status: healthy ? "ok" : "unavailable",
      side: shop.side,
      release: shop.release,
      instance: shop.instance,
      database,
      redis,
      // An empty catalogue is no illness: green runs before the data arrives.
      catalogue,
    });
  });

  app.get("/metrics", async (_request, reply) =>
    reply.type(shop.metrics.registry.contentType).send(await shop.metrics.registry.metrics()),
  );
}
