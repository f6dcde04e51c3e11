import type { FastifyInstance } from "fastify";
import { Counter, collectDefaultMetrics, Histogram, Registry } from "prom-client";

/** The shop's own measurements, on a registry of their own so that two shops in one process do not share figures. */
export interface Metrics {
  registry: Registry;
  requests: Histogram<"method" | "route" | "status">;
  cache: Counter<"result">;
  orders: Counter<"result">;
}

export function createMetrics(labels: { side: string; release: string }): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels(labels);
  collectDefaultMetrics({ register: registry });
  return {
    registry,
    requests: new Histogram({
      name: "shop_http_request_duration_seconds",
      help: "Time from the request's arrival to the last byte of the answer",
      labelNames: ["method", "route", "status"],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
      registers: [registry],
    }),
    cache: new Counter({
      name: "shop_cache_requests_total",
      help: "Catalogue reads by what the cache answered: hit, miss, error",
      labelNames: ["result"],
      registers: [registry],
    }),
    orders: new Counter({
      name: "shop_orders_total",
      help: "Checkouts by result: created, repeated (the token was known), refused",
      labelNames: ["result"],
      registers: [registry],
    }),
  };
}

/** Counts every answer by its route pattern, never by its path: identifiers would make the series endless. */
export function observeRequests(app: FastifyInstance, metrics: Metrics): void {
  app.addHook("onResponse", async (request, reply) => {
    metrics.requests.observe(
      { method: request.method, route: request.routeOptions.url ?? "unmatched", status: String(reply.statusCode) },
      reply.elapsedTime / 1_000,
    );
  });
}
