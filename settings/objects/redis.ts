import { z } from "zod";
import { setting, wholeNumber } from "../leaves.ts";

const EVICTION_POLICIES = [
  "noeviction",
  "allkeys-lru",
  "allkeys-lfu",
  "allkeys-random",
  "volatile-lru",
  "volatile-lfu",
  "volatile-random",
  "volatile-ttl",
] as const;

export const redis = z.strictObject({
  maxmemoryMiB: setting(wholeNumber(16, 262144).default(256), {
    means: "memory for keys, in MiB",
    allowed: "a whole number of MiB from 16 on",
    example: "256",
    change: "restarts the cache (under a second); keys are kept",
  }),
  policy: setting(z.enum(EVICTION_POLICIES).default("allkeys-lfu"), {
    means: "what goes when the memory is full",
    allowed: `one of ${EVICTION_POLICIES.join(", ")}`,
    example: "allkeys-lfu",
    change: "restarts the cache (under a second); keys are kept",
  }),
});
