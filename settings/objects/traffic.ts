import { z } from "zod";
import { setting, wholeNumber } from "../leaves.ts";

export const traffic = z.strictObject({
  weight: setting(wholeNumber(0, 100), {
    means: "green's share of traffic, in percent",
    allowed: "a whole number from 0 (all on blue) to 100 (all on green)",
    example: "0",
    change: "traffic moves; this is the cutover, and back is the rollback",
  }),
  steering: setting(z.enum(["load-balancer", "record"]).default("load-balancer"), {
    means: "how the weight is carried: Cloudflare pools (any weight) or one A record (free plan, 0 or 100)",
    allowed: "load-balancer or record",
    example: "load-balancer",
    change: "replaces what answers for the domain: change it only at weight 0 and outside a move",
  }),
  ttl: setting(wholeNumber(60, 86400).default(60), {
    means: "seconds resolvers may keep the A record (steering record)",
    allowed: "a whole number of seconds from 60 to 86400",
    example: "60",
    change: "nothing until caches expire; lower it a day before the move",
  }),
  recordId: setting(
    z
      .string()
      .regex(/^[0-9a-f]{32}$/)
      .optional(),
    {
      means: "id of the A record that exists already and is taken over (steering record)",
      allowed: "32 hex digits, as shown by Cloudflare's API",
      example: "0123456789abcdef0123456789abcdef",
      change: "the record is adopted, and kept when the stack is destroyed",
    },
  ),
});
