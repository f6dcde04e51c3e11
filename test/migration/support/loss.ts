import { setTimeout as pause } from "node:timers/promises";
import { openAlone } from "../../../migration/postgres/alone.ts";
import { check, type Verdict } from "./checker.ts";
import type { Network } from "./network.ts";
import type { LivePair } from "./run.ts";

/** Writers that may have been about to have their answer when the network stopped. */
export const AT_ONCE = 5;

/**
 * Green, which takes the writes, ends at once, after half a second in which its network to blue has kept everything back; blue is opened
 * alone.
 * @returns how many writes were answered meanwhile, and what the checker finds on blue
 */
export async function loseGreen(
  { move, clusters, shoppers, forgotten, blue }: LivePair,
  network: Network,
): Promise<{ answered: number; verdict: Verdict }> {
  network.hold();
  const before = shoppers.outcomes.acked.length;
  await pause(500);
  const answered = shoppers.outcomes.acked.length - before;
  await clusters.green.kill();
  network.cut();
  await openAlone(move, "blue", "the test");
  network.mend();
  await shoppers.progress(50);
  return { answered, verdict: await check(blue, shoppers, forgotten) };
}
