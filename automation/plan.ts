import { readFileSync } from "node:fs";
import { z } from "zod";

/** What a saved plan wants to do to one resource, other than nothing. */
export interface PlannedChange {
  urn: string;
  steps: string[];
}

const QUIET = new Set(["same", "read", "refresh", "read-discard", "skip"]);
/** The one part of the stack an operation may change: the types it is made of, and what people call it. */
export interface Part {
  tokens: readonly string[];
  words: string;
}

const TRAFFIC: Part = { tokens: ["bascule:edge:Traffic"], words: "traffic" };

/**
 * The engine hands the whole configuration to the provider of dynamic resources, so that a change of any setting updates it: an echo
 * of what was set, and nothing outside of the state changes.
 */
const CONFIGURATION_ECHO = /::pulumi:providers:pulumi-nodejs::default(_[\w.]+)?$/;

const planSchema = z.looseObject({
  resourcePlans: z.record(z.string(), z.looseObject({ steps: z.array(z.string()).nullish() })),
});

/** The changes a plan file of the engine holds, in the order of their names. */
export function plannedChanges(planFile: string): PlannedChange[] {
  const plan = planSchema.parse(JSON.parse(readFileSync(planFile, "utf8")));
  return Object.entries(plan.resourcePlans)
    .map(([urn, { steps }]) => ({ urn, steps: (steps ?? []).filter((step) => !QUIET.has(step)) }))
    .filter(({ urn, steps }) => steps.some((step) => step !== "update" || !CONFIGURATION_ECHO.test(urn)))
    .sort((a, b) => a.urn.localeCompare(b.urn));
}

/** `urn:pulumi:STACK::PROJECT::PARENT$TYPE::NAME`: a child of a component names it in its type chain. */
function belongsTo({ tokens }: Part, urn: string): boolean {
  const chain = urn.split("::")[2] ?? "";
  return chain.split("$").some((type) => tokens.includes(type));
}

/**
 * Why a plan must not be carried out as a change of one part of the stack; empty when it may. Only updates of that part's
 * resources are: anything else in the same preview is somebody's unfinished change, and a cutover is no place to ship it.
 */
export function objections(changes: PlannedChange[], part: Part = TRAFFIC): string[] {
  return changes.flatMap(({ urn, steps }) => {
    const notUpdates = steps.filter((step) => step !== "update");
    if (notUpdates.length > 0) return [`would ${describe(notUpdates)} ${urn}`];
    return belongsTo(part, urn) ? [] : [`would update ${urn}, which is not ${part.words}`];
  });
}

function describe(steps: string[]): string {
  return steps.some((step) => step.includes("replace")) ? "replace" : steps.join(" and ");
}
