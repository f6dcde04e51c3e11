import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";
import { bascule } from "../examples/girlycrea/run/clearing.ts";
import { STACK } from "../examples/girlycrea/run/place.ts";
import { type Entry, median, seconds } from "./figures.ts";
import { withScene } from "./scene.ts";

const ROLLBACKS = 5;
/** Users on green between two moves, so that there are orders to bring back. */
const BETWEEN_MS = 5_000;

const moveSchema = z.looseObject({
  seconds: z.number(),
  data: z.looseObject({ freezeMs: z.number(), keys: z.looseObject({ freezeMs: z.number() }) }),
});

export const rollback: Entry = {
  about: "a whole rollback, from its command to all users on blue, with the data: seconds, what failed, what was lost",
  run: (say, choice) =>
    withScene(
      "rollback",
      "sync",
      { ...choice, steering: "load-balancer" },
      say,
      async ({ place, commands, journey }) => {
        const where = ["--stack", STACK, "--plugins", choice.plugins, "--json"];
        const took: number[] = [];
        const frozen: number[] = [];
        const keysHeld: number[] = [];
        let lost = 0;
        for (let run = 1; run <= ROLLBACKS; run += 1) {
          await bascule(commands, place, ["cutover", ...where, "--steps", "100", "--yes"], say);
          await pause(BETWEEN_MS);
          const answer = moveSchema.parse(JSON.parse(await bascule(commands, place, ["rollback", ...where], say)));
          lost += (await journey.lostOnBlue()).lost;
          took.push(answer.seconds);
          frozen.push(answer.data.freezeMs);
          keysHeld.push(answer.data.keys.freezeMs);
          say(`rollback ${run} of ${ROLLBACKS}: ${answer.seconds} s`);
        }
        const { requests, failed, carried, sessionsLost, cartsLost } = await journey.users.stop();
        return {
          runs: { value: took.length, unit: "rollbacks" },
          medianSeconds: seconds(median(took)),
          worstSeconds: seconds(Math.max(...took)),
          worstFreezeMs: { value: Math.round(Math.max(...frozen)), unit: "ms" },
          worstKeysHeldMs: { value: Math.round(Math.max(...keysHeld)), unit: "ms" },
          requests: { value: requests, unit: "requests" },
          failed: { value: failed, unit: "requests" },
          lost: { value: lost, unit: "orders" },
          carried: { value: carried, unit: "carts found on the other side" },
          sessionsLost: { value: sessionsLost, unit: "sessions" },
          cartsLost: { value: cartsLost, unit: "carts" },
        };
      },
    ),
};
