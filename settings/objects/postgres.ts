import { z } from "zod";
import { identifier, port, setting, wholeNumber } from "../leaves.ts";

export const postgres = z.strictObject({
  version: setting(z.union([z.literal(15), z.literal(16), z.literal(17)]), {
    means: "PostgreSQL major version, the one the server's image ships",
    allowed: "15 (with debian-12), 16 (with ubuntu-24.04) or 17 (with debian-13)",
    example: "17",
    change: "refused on a server with data: a new major version is a move, not a setting",
  }),
  database: setting(identifier, {
    means: "name of the application's database",
    allowed: "lower-case letters, digits and _, at most 63",
    example: "shop",
    change: "makes a NEW, EMPTY database; the old one stays on the server, unused",
  }),
  role: setting(identifier, {
    means: "role the application connects as; owns the database",
    allowed: "lower-case letters, digits and _, at most 63, not postgres",
    example: "shop",
    change: "makes a new role; the old one stays and still owns what it made; the app restarts",
  }),
  extensions: setting(z.array(z.string().regex(/^[a-z][a-z0-9_-]*$/)).default([]), {
    means: "extensions created in the database",
    allowed: "a list of extension names, such as pg_trgm",
    example: "pg_trgm",
    change:
      "creates the extension; one that is left out stays in the database; pg_stat_statements restarts PostgreSQL (about 2 s)",
  }),
  maxConnections: setting(wholeNumber(20, 1000).default(100), {
    means: "PostgreSQL's max_connections",
    allowed: "a whole number from 20 to 1000",
    example: "100",
    change: "restarts PostgreSQL (about 2 s), in bascule:postgres.restartWindow",
  }),
  restartWindow: setting(
    z
      .string()
      .regex(/^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$/)
      .default("02:00-04:00"),
    {
      means:
        "when PostgreSQL may be restarted for a change that takes it (about 2 s); until then the change is reported as pending",
      allowed: "two times of the day in UTC, HH:MM-HH:MM",
      example: "02:00-04:00",
      change: "nothing restarts; what is pending waits for the new window",
    },
  ),
  restartNow: setting(z.boolean().default(false), {
    means: "restart PostgreSQL at once where a change takes it, whatever the window",
    allowed: "true or false",
    example: "true",
    change: "what is pending is made live by the update that sets it (about 2 s without database)",
  }),
  statementTimeoutSeconds: setting(wholeNumber(0, 86400).default(60), {
    means: "longest a statement of the application's role may take, in seconds; 0: no limit",
    allowed: "a whole number from 0 to 86400",
    example: "60",
    change: "holds for connections made from then on; those of the pool are replaced within the hour",
  }),
  idleInTransactionSeconds: setting(wholeNumber(0, 86400).default(60), {
    means: "longest an open transaction of the application's role may do nothing, in seconds; 0: no limit",
    allowed: "a whole number from 0 to 86400",
    example: "60",
    change: "holds for connections made from then on; those of the pool are replaced within the hour",
  }),
  forwardPort: setting(port.default(15432), {
    means: "loopback port of the operator's machine where the database appears through SSH",
    allowed: "a free port from 1024 to 65535",
    example: "15432",
    change: "nothing on the server",
  }),
});
