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

/** What becomes of the keys under a prefix. */
const KEY_POLICIES = ["drop", "copy", "drain"] as const;

/** A prefix is compared letter by letter; `*` alone stands for every key that no other one covers. */
const keyPrefix = z.string().refine((prefix) => prefix === "*" || /^(?!bascule:)[^\s*?](.*[^\s*?])?$/.test(prefix));

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
  move: setting(
    z
      .record(keyPrefix, z.enum(KEY_POLICIES))
      .refine((policies) => Object.keys(policies).length > 0)
      .optional(),
    {
      means:
        "what becomes of blue's keys by their prefix, the longest one wins: copy carries them there and back, drain goes on only when none is left, drop carries nothing; left out: caches and sessions start anew on green",
      allowed: `copy, drain or drop for each prefix, written without a * at its end; "*" alone for every other key; with bascule:data.move replication and bascule:blueRedisUrl`,
      example: "copy",
      change:
        "restarts the cache (under a second); the instances restart one after the other and ask for their keys through the relay. Without it again only after bascule data commit",
    },
  ),
  blueUsers: setting(z.array(z.string().regex(/^\S+$/)).min(1).default(["default"]), {
    means: "users the application writes as on blue's Redis; a switch takes their right to write",
    allowed: "names of ACL LIST, none of them the one of bascule:blueRedisUrl",
    example: "default",
    change: "the mover's service restarts; no client notices",
  }),
});
