import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { FastifyBaseLogger, FastifyInstance } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import type { Redis } from "ioredis";
import type { Database } from "./database.ts";
import type { Metrics } from "./metrics.ts";

/** What the routes work with; handed to each of them, so that nothing is reached through a global. */
export interface Shop {
  side: string;
  release: string;
  instance: string;
  database: Database;
  redis: Redis;
  metrics: Metrics;
}

/** Fastify with the zod types of the routes. */
export type ShopServer = FastifyInstance<Server, IncomingMessage, ServerResponse, FastifyBaseLogger, ZodTypeProvider>;
