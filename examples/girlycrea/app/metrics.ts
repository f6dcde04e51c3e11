import type { FastifyInstance } from "fastify";
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

/** The shop's own measurements, on a registry of their own so that two shops in one process do not share figures. */
export interface Metrics {
  registry: Registry;
  requests: Histogram<"method" | "route" | "status">;
  /** Zero tells whoever holds writes in front of the shop that none is under way any more. */
  writesUnderWay: Gauge;
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
    writesUnderWay: new Gauge({
      name: "shop_writes_under_way",
      help: "POST, PUT, PATCH and DELETE requests that are being handled right now",
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
      help: "Confirmed checkouts by result: created, or repeated because the token was known",
      labelNames: ["result"],
      registers: [registry],
    }),
  };
}

/** Counts every answer by its route pattern, never by its path: identifiers would make the series endless. */
export function observeRequests(app: FastifyInstance, metrics: Metrics): void {
  const isWrite = (method: string) => !["GET", "HEAD", "OPTIONS"].includes(method);
  app.addHook("onRequest", async (request) => {
    if (isWrite(request.method)) metrics.writesUnderWay.inc();
  });
  app.addHook("onResponse", async (request, reply) => {
    if (isWrite(request.method)) metrics.writesUnderWay.dec();
    metrics.requests.observe(
      { method: request.method, route: request.routeOptions.url ?? "unmatched", status: String(reply.statusCode) },
      reply.elapsedTime / 1_000,
    );
  });
}
