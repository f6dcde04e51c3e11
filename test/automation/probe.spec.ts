import assert from "node:assert/strict";
import { awaitArrival, type ProbeResult, type Prober } from "../../automation/probe.ts";

/** Answers in turn; the last answer again and again. */
function prober(...answers: ProbeResult[]): Prober {
  let next = 0;
  return {
    probe: async () => answers[Math.min(next++, answers.length - 1)] ?? { side: null, status: null },
    probeAddress: async () => ({ side: null, status: null }),
  };
}

const GREEN: ProbeResult = { side: "green", status: 200 };
const BLUE: ProbeResult = { side: "blue", status: 200 };
const never = new AbortController().signal;

describe("waiting for traffic to arrive", () => {
  it("ends when every new request of a round is answered by green", async () => {
    const { arrived, requests, failed, greenShare } = await awaitArrival(prober(BLUE, GREEN), 100, 5, never);
    assert.deepEqual(
      { arrived, requests, failed, greenShare },
      { arrived: true, requests: 48, failed: 0, greenShare: 1 },
    );
  });

  it("does not take one stray answer of blue for an arrival", async () => {
    const { arrived } = await awaitArrival(prober(BLUE), 100, 0, never);
    assert.equal(arrived, false);
  });

  it("says why the last probe failed", async () => {
    const { arrived, failed, lastError } = await awaitArrival(prober({ side: "blue", status: 503 }), 50, 0, never);
    assert.deepEqual({ arrived, failed, lastError }, { arrived: false, failed: 24, lastError: "status 503" });
  });

  it("ends with the reason of whoever stops it", async () => {
    const reason = new Error("stopped by the operator");
    await assert.rejects(awaitArrival(prober(BLUE), 100, 60, AbortSignal.abort(reason)), reason);
  });
});
