import { followKeys, moveKeys, requireKeysFollow, verifyKeys } from "../migration/mover/keys/verbs.ts";
import type { Question, Server } from "../migration/redis/server.ts";
import { type KeysGround, startKeysGround, until } from "../test/migration/redis/support/keys-ground.ts";
import { check, startWriters } from "../test/migration/redis/support/writer.ts";
import { type Entry, type Figure, rounded } from "./figures.ts";
import { timed } from "./scene.ts";

const KEYS = 200_000;
const BATCH = 5_000;
const ROUNDS = 5;
const WRITES = 300;
const BUDGET_MS = 15_000;

export const redis: Entry = {
  about: "keys of Redis brought to the other side and back under writes: keys/s, how long they were held, lost",
  async run(say) {
    const ground = await startKeysGround();
    try {
      await fill(ground.direct.blue);
      const keeper = ground.startKeeper();
      await until(ground.keys, () => ground.keys.mailbox.note?.state === "resting");
      const copied = await timed(() => followKeys(ground.keys, false));
      say(`${KEYS} keys copied in ${copied.toFixed(1)} s`);
      const switched = await thereAndBack(ground, say);
      const { equal, keys, seconds } = await verifyKeys(ground.keys);
      if (!equal) throw new Error("both sides are not the same at the end");
      keeper.kill();
      return {
        keys: { value: KEYS, unit: "keys: strings of 200 bytes, half of them with an end, and hashes" },
        keysPerSecond: { value: Math.round(KEYS / copied), unit: "keys/s of the copy" },
        comparedPerSecond: { value: Math.round(keys / seconds), unit: "keys/s of the comparison" },
        ...switched,
      };
    } finally {
      await ground.remove();
    }
  },
};

/** Sessions and carts, as a shop has them. */
async function fill(server: Server): Promise<void> {
  const session = "x".repeat(200);
  for (let from = 0; from < KEYS; from += BATCH)
    await server.pipeline(
      Array.from({ length: BATCH }, (_, at): Question => {
        const n = from + at;
        if (n % 10 === 0) return ["HSET", `copy:cart:${n}`, "film 1", "2", "film 2", "1", "film 3", "4"];
        return n % 2 === 0
          ? ["SET", `copy:session:${n}`, session]
          : ["SET", `copy:session:${n}`, session, "EX", 86_400];
      }),
    );
}

async function thereAndBack(ground: KeysGround, say: (line: string) => void): Promise<Record<string, Figure>> {
  const writers = startWriters({ blue: ground.relayed, green: ground.relayed }, 2);
  const freezes: number[] = [];
  const wrong: string[] = [];
  try {
    for (let round = 0; round < 2 * ROUNDS; round += 1) {
      const to = round % 2 === 0 ? "green" : "blue";
      await writers.progress(WRITES);
      await requireKeysFollow(ground.keys, to);
      const moved = await moveKeys(ground.keys, to, BUDGET_MS);
      freezes.push(moved?.freezeMs ?? 0);
      wrong.push(...(await check(ground.direct[to], writers)));
      say(`to ${to}: held for ${moved?.freezeMs} ms, ${moved?.proof}; wrong so far: ${wrong.join(", ") || "nothing"}`);
    }
  } finally {
    await writers.stop();
  }
  const sorted = freezes.sort((a, b) => a - b);
  return {
    runs: { value: freezes.length, unit: "switches under writes" },
    medianMs: { value: rounded(sorted[Math.floor(sorted.length / 2)] ?? 0), unit: "ms held" },
    worstMs: { value: rounded(sorted.at(-1) ?? 0), unit: "ms held" },
    refusedWrites: { value: writers.refused, unit: "writes" },
    unanswered: { value: writers.unknown.size, unit: "writes whose connection ended before the answer" },
    lost: { value: wrong.length === 0 ? 0 : wrong.join(", "), unit: "answered writes" },
  };
}
