import type { Interruption } from "./abort.ts";
import { explain, OperatorError } from "./errors.ts";
import { heldUpdate } from "./held-update.ts";
import { type ArrivalResult, awaitArrival, type Prober } from "./probe.ts";
import type { Report } from "./report.ts";
import type { Session } from "./session.ts";

export interface FlipResult {
  weight: number;
  /** URNs the stack update changed. */
  plan: string[];
  /** From the command to the last new request on the right side. */
  seconds: number;
  arrival: ArrivalResult;
}

export interface FlipOptions {
  /** Written into the stack's history; a rollback reads it there. */
  message: string;
  /** Seconds for new requests to arrive after the update. */
  deadlineSeconds: number;
  interruption: Interruption;
  /** Asked once the plan is known and allowed. */
  confirm?: (plan: string[]) => Promise<boolean>;
}

/**
 * One move of the weight: the stack file, a preview saved as a plan, the refusal of anything that is not traffic, the update
 * held to that plan, the probe. Whatever stops it before the update leaves the stack file as it was.
 */
export async function flip(
  session: Session,
  prober: Prober,
  weight: number,
  options: FlipOptions,
  report: Report,
): Promise<FlipResult> {
  const started = performance.now();
  const before = wantedWeight(session);
  session.file.set("bascule:traffic", "weight", weight);
  let plan: string[];
  try {
    plan = await heldUpdate(session, { ...options, refused: "this is not only a move of traffic" }, report);
  } catch (error) {
    session.file.set("bascule:traffic", "weight", before);
    throw explain(error, session.stack.name);
  }
  const arrival = await report.step(`weight ${weight}: waiting for new requests to arrive`, () =>
    awaitArrival(prober, weight, options.deadlineSeconds, options.interruption.signal),
  );
  report.line(
    `weight ${weight}: green answered ${Math.round(arrival.greenShare * 100)} % of the last round, ${arrival.failed} of ${arrival.requests} probes failed${arrival.lastError ? ` (${arrival.lastError})` : ""}`,
  );
  return { weight, plan, seconds: Math.round((performance.now() - started) / 100) / 10, arrival };
}

/** The weight the stack file asks for; the deployed one is an output of the stack. */
export function wantedWeight(session: Session): number {
  const weight = session.file.get("bascule:traffic", "weight");
  return typeof weight === "number" ? weight : session.settings.traffic.weight;
}

/** @throws OperatorError when the traffic did not arrive; the caller decides about the way back. */
export function requireArrival({ arrival, weight }: FlipResult): void {
  if (arrival.arrived) return;
  const share = `${Math.round(arrival.greenShare * 100)} %`;
  throw new OperatorError(
    `weight ${weight} is deployed, but new requests do not follow it: green answered ${share}, ${arrival.failed} of ${arrival.requests} probes failed${arrival.lastError ? ` (${arrival.lastError})` : ""}`,
    "look at both sides with 'bascule status'",
  );
}
