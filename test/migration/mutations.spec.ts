import { deepStrictEqual, match } from "node:assert";
import { flip } from "../../migration/postgres/flip.ts";
import { LINES, type Line } from "../../migration/postgres/lines.ts";
import { check, differences } from "./support/checker.ts";
import { onGround } from "./support/ground.ts";
import { MUTATIONS } from "./support/mutations.ts";

/**
 * How long the network keeps what was sent once the old side is closed: shorter than the freeze budget, longer than a flip that does not
 * wait takes to give the way up, also on a busy machine.
 */
const HELD_MS = 1_500;
const who = "the test";

describe("what the checker of the move finds", function () {
  this.timeout(60_000);
  it("finds nothing when the network stalls in the middle of a flip as it should be", async () => {
    deepStrictEqual(await problemsOf(LINES), []);
  });

  for (const { what, finds, lines } of MUTATIONS)
    it(`turns red when ${what}`, async () => {
      match((await problemsOf(lines)).join(", "), finds);
    });
});

/** A flip to green with these lines, on a network that stalls for what is sent in the freeze; of 15, which cannot tell where a change came from. */
function problemsOf(lines: readonly Line[]): Promise<string[]> {
  return onGround({ versions: [15, 15], pooled: true, pushed: false, delayMs: 0 }, async ({ pair, networks }) => {
    const { shoppers, forgotten, green } = pair;
    await shoppers.progress(100);
    await flip(pair.move, {
      to: "green",
      who,
      lines,
      onLine: async ({ line, phase }) => {
        if (phase !== "end") return;
        if (line === "F2") setTimeout(() => networks.blue.release(), HELD_MS);
        if (line !== "F0") return;
        networks.blue.hold();
        // Some writes that were answered and are not there yet.
        await shoppers.progress(20);
      },
    });
    const atOnce = await check(green, shoppers, forgotten);
    await shoppers.progress(50);
    await Promise.all([shoppers.stop(), forgotten.stop()]);
    const later = await check(green, shoppers, forgotten);
    return [...atOnce.problems, ...later.problems, ...(await differences(pair.blue, green, 3_000))];
  });
}
