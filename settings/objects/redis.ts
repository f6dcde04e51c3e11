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
  maxmemoryMiB: setting(wholeNumber(16, 262144).optional(), {
    means: "memory for the cache's keys, in MiB; left out: a sixteenth of the server's",
    allowed: "a whole number of MiB from 16 on",
    example: "256",
    change: "restarts the cache (under a second); keys are kept",
  }),
  policy: setting(z.enum(EVICTION_POLICIES).default("allkeys-lfu"), {
    means: "what goes when the cache's memory is full",
    allowed: `one of ${EVICTION_POLICIES.join(", ")}`,
    example: "allkeys-lfu",
    change: "restarts the cache (under a second); keys are kept",
  }),
  queue: setting(z.boolean().default(false), {
    means: "a second server for queues, which never lets a key go; the application finds it in QUEUE_URL",
    allowed: "true or false",
    example: "true",
    change: "starts or stops the second server, whose keys stay on the disk; the instances restart one after the other",
  }),
  queueMaxmemoryMiB: setting(wholeNumber(16, 262144).optional(), {
    means:
      "memory for the queue's keys, in MiB; a full queue refuses to write; left out: a thirty-second of the server's",
    allowed: "a whole number of MiB from 16 on, with bascule:redis.queue true",
    example: "128",
    change: "restarts the queue (under a second); keys are kept",
  }),
});
