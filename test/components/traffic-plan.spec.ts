import assert from "node:assert/strict";
import fc from "fast-check";
import { trafficPlan } from "../../components/traffic-plan.ts";

describe("components: traffic plan", () => {
  it("gives everything to one side at the ends, so that sticky users of the other side move over", () => {
    assert.deepEqual(trafficPlan(0), { shares: [{ side: "blue", share: 1 }], fallback: "blue" });
    assert.deepEqual(trafficPlan(100), { shares: [{ side: "green", share: 1 }], fallback: "green" });
  });

  it("falls back to blue until green has everything", () => {
    assert.deepEqual(trafficPlan(10), {
      shares: [
        { side: "blue", share: 0.9 },
        { side: "green", share: 0.1 },
      ],
      fallback: "blue",
    });
  });

  it("shares sum to 1, green's is the weight, and each is a weight Cloudflare takes", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 100 }), (weight) => {
        const { shares } = trafficPlan(weight);
        const total = shares.reduce((sum, { share }) => sum + share, 0);
        assert(Math.abs(total - 1) < 1e-12, `sum ${total}`);
        assert.equal(shares.find(({ side }) => side === "green")?.share ?? 0, weight / 100);
        for (const { share } of shares) {
          assert(share > 0 && share <= 1);
          // Two decimals: Cloudflare refuses more.
          assert.equal(share, Number(share.toFixed(2)));
        }
      }),
    );
  });

  it("refuses what is no weight", () => {
    for (const weight of [-1, 101, 0.5, Number.NaN]) assert.throws(() => trafficPlan(weight), RangeError);
  });
});
