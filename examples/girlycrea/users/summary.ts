import type { AckedOrder, RequestRecord } from "./records.ts";

/** What the users went through; latencies in milliseconds from when a request was due, held requests left out. */
export interface Summary {
  requests: number;
  failed: number;
  held: number;
  p50: number;
  p95: number;
  p99: number;
  /** Answers by the side that gave them; `unknown` are those without a side header. */
  bySide: Record<string, number>;
  /** Times a user had to log in again because the shop had moved. */
  relogins: number;
  /** Times a customer came from the other side and found session and cart as they had been left. */
  carried: number;
  /** Times a customer was signed in on a side, and was not any more after a move. */
  sessionsLost: number;
  /** Times a cart was not what its customer had put into it, after a move. */
  cartsLost: number;
  ordersAcked: number;
  /** Confirmed orders asked for on the other side, which did not know them (yet). */
  ordersElsewhere: number;
  /** How often each failure occurred, most frequent first. */
  failures: Record<string, number>;
}

export function summarize(records: readonly RequestRecord[], orders: readonly AckedOrder[]): Summary {
  const latencies = records
    .filter(({ kind }) => kind !== "held")
    .map(({ ms }) => ms)
    .sort((one, other) => one - other);
  const failed = records.filter(({ kind }) => kind === "failed");
  const answered = records.filter(({ status }) => status !== 0);
  return {
    requests: records.length,
    failed: failed.length,
    held: records.filter(({ kind }) => kind === "held").length,
    p50: percentile(latencies, 50),
    p95: percentile(latencies, 95),
    p99: percentile(latencies, 99),
    bySide: tally(answered.map(({ side }) => side ?? "unknown")),
    relogins: records.filter(({ relogin }) => relogin).length,
    carried: records.filter(({ carried }) => carried).length,
    sessionsLost: records.filter(({ lost }) => lost === "session").length,
    cartsLost: records.filter(({ lost }) => lost === "cart").length,
    ordersAcked: new Set(orders.map(({ token }) => token)).size,
    ordersElsewhere: records.filter(({ kind, error }) => kind === "ok" && error === ORDER_ELSEWHERE).length,
    failures: tally(failed.map(({ step, error, status }) => `${step}: ${error ?? status}`)),
  };
}

/** What the journey notes when a side does not know an order that the other one confirmed. */
export const ORDER_ELSEWHERE = "the order is on the other side";

/** Nearest rank: the smallest value that at least `share` percent of all values do not exceed. */
export function percentile(sorted: readonly number[], share: number): number {
  const rank = Math.ceil((share / 100) * sorted.length);
  return sorted[Math.max(rank, 1) - 1] ?? 0;
}

function tally(names: string[]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return Object.fromEntries([...counts].sort(([, one], [, other]) => other - one));
}
