/** One of the two productions. */
export type Side = "blue" | "green";

/** Who gets how much of the traffic. */
export interface TrafficPlan {
  /** Sides in use, blue first; shares sum to 1. A side without a share is left out, so that its sticky users move over. */
  shares: { side: Side; share: number }[];
  /** Where requests go when no side is healthy. Blue until green has everything: blue is what worked yesterday. */
  fallback: Side;
}

/** @param weight green's share in percent, a whole number from 0 to 100 */
export function trafficPlan(weight: number): TrafficPlan {
  if (!Number.isInteger(weight) || weight < 0 || weight > 100) {
    throw new RangeError(`weight: got ${weight}; allowed: a whole number from 0 to 100`);
  }
  const all: TrafficPlan["shares"] = [
    { side: "blue", share: (100 - weight) / 100 },
    { side: "green", share: weight / 100 },
  ];
  return { shares: all.filter(({ share }) => share > 0), fallback: weight === 100 ? "green" : "blue" };
}
