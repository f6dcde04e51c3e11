import { changed, type Refused } from "./changed.ts";
import { replicated, validSettings } from "./valid.ts";

const KEYS =
  "what becomes of blue's keys by their prefix, the longest one wins: copy carries them there and back, drain goes on only when none is left, drop carries nothing; left out: caches and sessions start anew on green";
const PREFIXES =
  'copy, drain or drop for each prefix, written without a * at its end; "*" alone for every other key; with bascule:data.move replication and bascule:blueRedisUrl';

/** A stack file whose rows move, with these prefixes. */
function moving(move: Record<string, string>): Record<string, string> {
  return { ...validSettings, ...replicated, "bascule:redis": JSON.stringify({ move }) };
}

/** Of keys that move. */
export const refusedOfKeys: Refused[] = [
  [
    "keys that move without rows",
    { ...changed("bascule:redis", { move: { "*": "drop" } }), "bascule:blueRedisUrl": "[secret]" },
    [
      "bascule:redis.move: got 1 prefixes with bascule:data.move copy; allowed: only with replication. Set it: pulumi config set --path 'bascule:data.move' replication, or leave the keys: pulumi config rm --path bascule:redis.move",
    ],
  ],
  [
    "keys that move from nowhere",
    moving({ "*": "drop" }),
    [
      "bascule:blueRedisUrl is missing (blue's Redis or Valkey as green reaches it, with bascule:redis.move; of a user of the move's own); allowed: a rediss:// or redis:// address with user and password, such as rediss://bascule:...@cache.example.com:6379. Set it: pulumi config set --secret bascule:blueRedisUrl < blue-redis-url.txt, or pulumi config rm --path bascule:redis.move",
    ],
  ],
  [
    "blue's keys without a word of what becomes of them",
    { ...validSettings, "bascule:blueRedisUrl": "[secret]" },
    [
      `bascule:redis.move is missing (${KEYS}); allowed: ${PREFIXES}. Set it: pulumi config set --path 'bascule:redis.move.NAME' copy, or pulumi config rm bascule:blueRedisUrl`,
    ],
  ],
  [
    "a pattern in place of a prefix",
    { ...moving({ "cart:*": "copy" }), "bascule:blueRedisUrl": "[secret]" },
    [
      `bascule:redis.move.cart:*: got "copy"; allowed: ${PREFIXES}. Set it: pulumi config set --path 'bascule:redis.move.cart:*' copy`,
    ],
  ],
  [
    "a policy that there is not",
    { ...moving({ "cart:": "keep" }), "bascule:blueRedisUrl": "[secret]" },
    [
      `bascule:redis.move.cart:: got "keep"; allowed: ${PREFIXES}. Set it: pulumi config set --path 'bascule:redis.move.cart:' copy`,
    ],
  ],
  [
    "not one prefix",
    { ...moving({}), "bascule:blueRedisUrl": "[secret]" },
    [
      `bascule:redis.move: got {}; allowed: ${PREFIXES}. Set it: pulumi config set --path 'bascule:redis.move.NAME' copy`,
    ],
  ],
  [
    "instances on the relay's port",
    {
      ...moving({ "*": "copy" }),
      "bascule:blueRedisUrl": "[secret]",
      "bascule:app": changed("bascule:app", { migrations: "off", firstPort: 6381 })["bascule:app"] ?? "",
    },
    [
      "bascule:app.firstPort: got 6381 with 4 instances, ports 6381 to 6384, but port 6381 belongs to the relay; allowed: a range that is free. Set it: pulumi config set --path 'bascule:app.firstPort' 3001",
    ],
  ],
];
