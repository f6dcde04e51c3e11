import type { Policies, Policy } from "./policy.ts";

/** How far the proof of a switch went: not at all, or over every key of the policy `copy`. */
export type Proof = "converged" | "compared";

const PLANNED: Record<Policy, string> = {
  copy:
    "carried with value and time to live. It converges once writes on the source have ceased, and the switch waits for that; then every " +
    "key is compared if the freeze budget allows. It is neither a snapshot of one moment before that nor a log in which each change is there once",
  drain: "nothing is lost: the switch goes on only when the source is closed to writers and no such key is left on it",
  drop: "nothing is carried: it starts empty on the new side, and what the old side held is not looked at",
};

/** What is promised for each prefix, as sentences for the plan that a person signs. */
export function plannedPromises(policies: Policies): string[] {
  const lines = policies.rules.map(({ prefix, policy }) => `${nameOf(prefix)} (${policy}): ${PLANNED[policy]}.`);
  const overlaps = policies
    .overlaps()
    .map(
      ({ inner, outer }) =>
        `${nameOf(inner.prefix)} (${inner.policy}) is taken out of ${nameOf(outer.prefix)} (${outer.policy}).`,
    );
  return [...lines, ...overlaps, "A key that no prefix covers stops the move; it is never guessed what it is."];
}

/** What a switch that is done has kept of it, as sentences for the report. */
export function keptPromises(policies: Policies, proof: Proof, compared: number): string[] {
  const copy =
    proof === "compared"
      ? `converged and compared: the same on both sides while nobody could write, as all ${compared} keys that are copied`
      : "converged, not compared: every change that was noticed was carried before the switch, and the budget did not allow to look at every key";
  const kept: Record<Policy, string> = {
    copy,
    drain: "exact: no such key was left when the source was closed",
    drop: "nothing was carried",
  };
  return policies.rules.map(({ prefix, policy }) => `${nameOf(prefix)} (${policy}): ${kept[policy]}.`);
}

function nameOf(prefix: string): string {
  return prefix === "" ? "every other key" : `keys ${JSON.stringify(`${prefix}*`)}`;
}
