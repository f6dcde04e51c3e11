import { hostname } from "node:os";
import { z } from "zod";

const environment = z.object({
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }),
  REDIS_URL: z.url({ protocol: /^rediss?$/ }),
  PORT: z.coerce.number().int().min(1).max(65535),
  HOST: z.string().default("127.0.0.1"),
  SHOP_SIDE: z.string().min(1),
  SHOP_RELEASE: z.string().min(1).default("development"),
  LOG_LEVEL: z.enum(["debug", "info", "warn", "error", "silent"]).default("info"),
});

/** Everything the shop learns from its environment. */
export interface ShopConfig {
  databaseUrl: string;
  redisUrl: string;
  port: number;
  host: string;
  /** Which production this instance belongs to; travels with every answer as `X-Shop-Side`. */
  side: string;
  /** Identifies the artefact that runs; `/api/health` tells it. */
  release: string;
  /** Identifies this process among its siblings behind the same proxy. */
  instance: string;
  logLevel: string;
}

/** Reads the environment; throws one error that names every variable that is missing or wrong. */
export function readConfig(variables: NodeJS.ProcessEnv): ShopConfig {
  const result = environment.safeParse(variables);
  if (!result.success) {
    throw new Error(`The shop cannot start, its environment is not usable:\n${z.prettifyError(result.error)}`);
  }
  const values = result.data;
  return {
    databaseUrl: values.DATABASE_URL,
    redisUrl: values.REDIS_URL,
    port: values.PORT,
    host: values.HOST,
    side: values.SHOP_SIDE,
    release: values.SHOP_RELEASE,
    instance: `${hostname()}:${values.PORT}`,
    logLevel: values.LOG_LEVEL,
  };
}
