import Fastify, { type FastifyError, LogController } from "fastify";
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from "fastify-type-provider-zod";
import { isMissingTable, isUnavailable } from "./database.ts";
import { observeRequests } from "./metrics.ts";
import { Refusal } from "./refusal.ts";
import { accountRoutes } from "./routes/accounts.ts";
import { cartRoutes } from "./routes/cart.ts";
import { healthRoutes } from "./routes/health.ts";
import { orderRoutes } from "./routes/orders.ts";
import { productRoutes } from "./routes/products.ts";
import type { Shop, ShopServer } from "./shop.ts";

/** Builds the HTTP application; the caller listens and closes. */
export function buildApplication(shop: Shop, logLevel: string): ShopServer {
  const app = Fastify({
    logger: {
      level: logLevel,
      base: { side: shop.side, instance: shop.instance, release: shop.release },
      redact: ["req.headers.cookie", "req.headers.authorization"],
    },
    // One line per answer (below) instead of Fastify's two.
    logController: new LogController({ disableRequestLogging: true }),
    trustProxy: "127.0.0.1",
    bodyLimit: 64 * 1024,
    requestTimeout: 10_000,
    handlerTimeout: 8_000,
    // Longer than the proxy's, so that it is never the shop that closes a connection the proxy is about to use.
    keepAliveTimeout: 75_000,
    // While draining, a request on an open connection is still served; the answer says `Connection: close`.
    return503OnClosing: false,
  }).withTypeProvider<ZodTypeProvider>();
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.addHook("onRequest", async (_request, reply) => {
    reply.headers({ "x-shop-side": shop.side, "cache-control": "no-store" });
  });
  app.addHook("onSend", async (_request, reply) => {
    // A connection that was busy when draining began would otherwise stay open, and the process with it, until it times out.
    if (!app.server.listening) reply.header("connection", "close");
  });
  app.addHook("onResponse", async (request, reply) => {
    const { method, url } = request;
    app.log.info({ method, url, status: reply.statusCode, ms: Math.round(reply.elapsedTime) }, "answered");
  });
  observeRequests(app, shop.metrics);
  answerErrors(app);
  for (const routes of [healthRoutes, productRoutes, accountRoutes, cartRoutes, orderRoutes]) routes(app, shop);
  return app;
}

/**
 * Failures of the shop itself carry no `Retry-After`: that header belongs to the maintenance answer in front of it, and a
 * broken shop must not look like a planned pause.
 */
function answerErrors(app: ShopServer): void {
  app.setErrorHandler((error: FastifyError | Refusal, request, reply) => {
    if (error instanceof Refusal) {
      return reply.code(error.status).send({ error: error.code, message: error.message });
    }
    if (error.statusCode !== undefined && error.statusCode < 500) {
      return reply.code(error.statusCode).send({ error: "invalid_request", message: error.message });
    }
    const unavailable = error.statusCode === 503 || isUnavailable(error) || isMissingTable(error);
    request.log.error({ err: error, url: request.url }, unavailable ? "unavailable" : "failed");
    return unavailable
      ? reply.code(503).send({ error: "unavailable", message: "The shop cannot answer this right now" })
      : reply.code(500).send({ error: "internal", message: "Something went wrong on our side" });
  });
  app.setNotFoundHandler((_request, reply) =>
    reply.code(404).send({ error: "not_found", message: "There is nothing at this address" }),
  );
}
