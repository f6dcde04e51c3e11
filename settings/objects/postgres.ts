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
    change: "restarts PostgreSQL (about 2 s)",
  }),
  forwardPort: setting(port.default(15432), {
    means: "loopback port of the operator's machine where the database appears through SSH",
    allowed: "a free port from 1024 to 65535",
    example: "15432",
    change: "nothing on the server",
  }),
});
