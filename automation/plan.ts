import { readFileSync } from "node:fs";
import { z } from "zod";

/** What a saved plan wants to do to one resource, other than nothing. */
export interface PlannedChange {
  urn: string;
  steps: string[];
}

const QUIET = new Set(["same", "read", "refresh", "read-discard", "skip"]);
const TRAFFIC = "bascule:edge:Traffic";

const planSchema = z.looseObject({
  resourcePlans: z.record(z.string(), z.looseObject({ steps: z.array(z.string()).nullish() })),
});

/** The changes a plan file of the engine holds, in the order of their names. */
export function plannedChanges(planFile: string): PlannedChange[] {
  const plan = planSchema.parse(JSON.parse(readFileSync(planFile, "utf8")));
  return Object.entries(plan.resourcePlans)
    .map(([urn, { steps }]) => ({ urn, steps: (steps ?? []).filter((step) => !QUIET.has(step)) }))
    .filter(({ steps }) => steps.length > 0)
    .sort((a, b) => a.urn.localeCompare(b.urn));
}

/** `urn:pulumi:STACK::PROJECT::PARENT$TYPE::NAME`: a child of the traffic component names it in its type chain. */
function isTraffic(urn: string): boolean {
  const chain = urn.split("::")[2] ?? "";
  return chain.split("$").includes(TRAFFIC);
}

/**
 * Why a plan must not be carried out as a move of traffic; empty when it may. Only updates of traffic resources are
 * traffic: anything else in the same preview is somebody's unfinished change, and a cutover is no place to ship it.
 */
export function objections(changes: PlannedChange[]): string[] {
  return changes.flatMap(({ urn, steps }) => {
    const notUpdates = steps.filter((step) => step !== "update");
    if (notUpdates.length > 0) return [`would ${describe(notUpdates)} ${urn}`];
    return isTraffic(urn) ? [] : [`would update ${urn}, which is not traffic`];
  });
}

function describe(steps: string[]): string {
  return steps.some((step) => step.includes("replace")) ? "replace" : steps.join(" and ");
}
