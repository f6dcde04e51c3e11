import { Redis } from "ioredis";

/** The connection for sessions, carts and cache. Commands fail within two seconds instead of queueing behind a dead server. */
export function openRedis(url: string, onError: (error: Error) => void): Redis {
  const redis = new Redis(url, {
    commandTimeout: 2_000,
    connectTimeout: 2_000,
    maxRetriesPerRequest: 1,
    retryStrategy: (attempt) => Math.min(attempt * 100, 2_000),
  });
  redis.on("error", onError);
  return redis;
}
