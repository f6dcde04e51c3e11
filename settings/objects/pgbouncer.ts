import { z } from "zod";
import { setting, wholeNumber } from "../leaves.ts";

export const pgbouncer = z.strictObject({
  poolSize: setting(wholeNumber(1, 500).default(20), {
    means: "server connections PgBouncer keeps to PostgreSQL",
    allowed: "a whole number from 1 to 500 that leaves room in bascule:postgres.maxConnections",
    example: "20",
    change: "reload, no client is dropped",
  }),
  maxClientConnections: setting(wholeNumber(10, 20000).default(1000), {
    means: "client connections PgBouncer accepts",
    allowed: "a whole number from 10 to 20000",
    example: "1000",
    change: "reload, no client is dropped",
  }),
  preparedStatements: setting(z.boolean().optional(), {
    means:
      "whether the application may name prepared statements and use them again; left out: where the image's PgBouncer can",
    allowed: "true or false; not true with debian-12, whose PgBouncer 1.18 cannot pool them",
    example: "false",
    change: "reload, no client is dropped",
  }),
});
