import { z } from "zod";
import { setting, wholeNumber } from "../leaves.ts";

export const varnish = z.strictObject({
  enabled: setting(z.boolean().optional(), {
    means:
      "an HTTP cache (Varnish) between Nginx and the application, for what the application says may be cached (Cache-Control); answers say X-Cache: hit, miss or pass",
    allowed: "true, or false to take it off a server that had it; absent: there never was one",
    example: "true",
    change: "the cache starts or goes, Nginx reloads, no request is lost; its package brings a C compiler",
  }),
  memoryMiB: setting(wholeNumber(16, 65_536).default(128), {
    means: "memory for what is cached, in MiB; the program itself takes about 60 more",
    allowed: "a whole number of MiB from 16 to 65536",
    example: "128",
    change: "restarts the cache (about a second, Nginx passes it by meanwhile), which is then empty",
  }),
  graceSeconds: setting(wholeNumber(0, 86_400).default(10), {
    means:
      "seconds an old copy is shown while a fresh one is fetched, where the application does not say so itself (stale-while-revalidate)",
    allowed: "a whole number of seconds from 0 to 86400",
    example: "10",
    change: "restarts the cache (about a second, Nginx passes it by meanwhile), which is then empty",
  }),
});
