import type { UpdateSummary } from "@pulumi/pulumi/automation/index.js";
import { z } from "zod";

/** History messages of our own moves start with these; a rollback tells by them what came before a cutover. */
export const CUTOVER_MESSAGE = "bascule cutover";
export const ROLLBACK_MESSAGE = "bascule rollback";

const trafficSchema = z.looseObject({ weight: z.number() });

interface Deployment {
  message: string;
  weight: number;
}

/** Successful updates, newest first. What broke off is no deployment: neither the stack's outputs nor its file tell the two apart. */
function deployments(history: UpdateSummary[]): Deployment[] {
  return history
    .filter(({ kind, result }) => kind === "update" && result === "succeeded")
    .flatMap(({ message, config }) => {
      const traffic = config["bascule:traffic"]?.value;
      return traffic === undefined ? [] : [{ message, weight: trafficSchema.parse(JSON.parse(traffic)).weight }];
    });
}

/** Green's share as the newest successful update deployed it; 0 before the first. */
export function deployedWeight(history: UpdateSummary[]): number {
  return deployments(history)[0]?.weight ?? 0;
}

/**
 * The weight of the newest successful update that gave green less than it has now and was no step of a cutover. Deployments since
 * the cutover, such as a new release, kept its weight and do not stand in the way. Null when green never had less.
 */
export function previousWeight(history: UpdateSummary[]): number | null {
  const now = deployedWeight(history);
  const before = deployments(history)
    .filter(({ message }) => !message.startsWith(CUTOVER_MESSAGE))
    .find(({ weight }) => weight < now);
  return before?.weight ?? null;
}
