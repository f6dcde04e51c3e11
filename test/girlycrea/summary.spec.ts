import assert from "node:assert/strict";
import type { RequestRecord } from "../../examples/girlycrea/users/records.ts";
import { ORDER_ELSEWHERE, percentile, summarize } from "../../examples/girlycrea/users/summary.ts";

function record(part: Partial<RequestRecord>): RequestRecord {
  return {
    at: "2026-11-21T10:00:00.000Z",
    visit: 1,
    journey: "browse",
    step: "product",
    method: "GET",
    path: "/api/products/1",
    status: 200,
    ms: 10,
    side: "blue",
    kind: "ok",
    ...part,
  };
}

describe("summary of the users", () => {
  it("has figures for a load that nobody answered", () => {
    const nothing = summarize([], []);
    assert.deepEqual([nothing.requests, nothing.p50, nothing.p99], [0, 0, 0]);
    const unanswered = summarize([record({ status: 0, side: null, kind: "failed", error: "ECONNREFUSED", ms: 3 })], []);
    assert.deepEqual(unanswered.bySide, {}, "a request without an answer counts for no side");
    assert.deepEqual(unanswered.failures, { "product: ECONNREFUSED": 1 });
  });

  it("counts a held write as held, and keeps its answer out of the latencies", () => {
    const summary = summarize([record({}), record({ kind: "held", status: 503, ms: 9_000, method: "POST" })], []);
    assert.deepEqual([summary.requests, summary.held, summary.failed, summary.p99], [2, 1, 0, 10]);
  });

  it("counts a timeout into the latencies: leaving it out would flatter the shop", () => {
    const summary = summarize([record({}), record({ kind: "failed", status: 0, ms: 10_000 })], []);
    assert.deepEqual([summary.p50, summary.p99], [10, 10_000]);
  });

  it("tells sides, relogins, orders, and what came along from what was lost apart", () => {
    const order = { token: "t1", at: "2026-11-21T10:00:00.000Z", side: "blue" };
    const summary = summarize(
      [
        record({}),
        record({ side: "green" }),
        record({ side: null }),
        record({ relogin: true, status: 401, side: "green" }),
        record({ carried: true, side: "green" }),
        record({ lost: "session", relogin: true, status: 401, side: "green" }),
        record({ lost: "cart", side: "green" }),
        record({ lost: "cart", side: "green" }),
        record({ step: "order", status: 404, side: "green", error: ORDER_ELSEWHERE }),
      ],
      [order, { ...order, side: "green" }],
    );
    assert.deepEqual(summary.bySide, { green: 7, blue: 1, unknown: 1 });
    assert.deepEqual([summary.relogins, summary.ordersAcked, summary.ordersElsewhere], [2, 1, 1]);
    assert.deepEqual([summary.carried, summary.sessionsLost, summary.cartsLost], [1, 1, 2]);
  });

  it("takes percentiles by nearest rank", () => {
    const hundred = Array.from({ length: 100 }, (_, index) => index + 1);
    assert.deepEqual(
      [50, 95, 99, 100].map((share) => percentile(hundred, share)),
      [50, 95, 99, 100],
    );
    assert.equal(percentile([7], 50), 7);
    assert.equal(percentile([1, 2], 99), 2);
  });
});
