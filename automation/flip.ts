import type { Interruption } from "./abort.ts";
import { explain, OperatorError } from "./errors.ts";
import { heldUpdate } from "./held-update.ts";
import { type ArrivalResult, awaitArrival, type Prober } from "./probe.ts";
import type { Report } from "./report.ts";
import type { Session } from "./session.ts";
import { targetedUpdate } from "./targeted-update.ts";

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
  /** When what its seconds count from began, in ms since this process did. @default now */
  since?: number;
}

/** The way back is not held to a plan, which would have to be made first, but to one resource. */
export interface FlipBackOptions extends Omit<FlipOptions, "confirm"> {
  /** What traffic waits for. */
  before?: () => Promise<void>;
}

/**
 * One move of the weight: the stack file, a preview saved as a plan, the refusal of anything that is not traffic, the update
 * held to that plan, the probe. Whatever stops it before the update leaves the stack file as it was.
 */
export function flip(
  session: Session,
  prober: Prober,
  weight: number,
  options: FlipOptions,
  report: Report,
): Promise<FlipResult> {
  const refused = "this is not only a move of traffic";
  return move(session, prober, weight, options, report, (onChanged) =>
    heldUpdate(session, { ...options, refused, onChanged }, report),
  );
}

/** The same on the way back, where seconds count: an update of nothing but what carries the weight, and no preview. */
export function flipBack(
  session: Session,
  prober: Prober,
  weight: number,
  options: FlipBackOptions,
  report: Report,
): Promise<FlipResult> {
  return move(session, prober, weight, options, report, (onChanged) =>
    targetedUpdate(session, { ...options, onChanged }, report),
  );
}

async function move(
  session: Session,
  prober: Prober,
  weight: number,
  options: FlipOptions,
  report: Report,
  update: (onChanged: () => void) => Promise<string[]>,
): Promise<FlipResult> {
  const started = options.since ?? performance.now();
  const before = wantedWeight(session);
  session.file.set("bascule:traffic", "weight", weight);
  let arrived: Promise<Pick<FlipResult, "arrival" | "seconds">> | undefined;
  const arrive = () => {
    arrived ??= look(prober, weight, started, options, report);
    // Whoever awaits it below hears of it; an update that fails meanwhile is the first to be told.
    arrived.catch(() => undefined);
    return arrived;
  };
  let plan: string[];
  try {
    plan = await update(arrive);
  } catch (error) {
    session.file.set("bascule:traffic", "weight", before);
    throw explain(error, session.stack.name);
  }
  const { arrival, seconds } = await arrive();
  report.line(
    `weight ${weight}: green answered ${Math.round(arrival.greenShare * 100)} % of the last round, ${arrival.failed} of ${arrival.requests} probes failed${arrival.lastError ? ` (${arrival.lastError})` : ""}`,
  );
  return { weight, plan, seconds, arrival };
}

/** Looks from the moment on when traffic was changed, while the engine closes its books. */
async function look(
  prober: Prober,
  weight: number,
  started: number,
  { deadlineSeconds, interruption }: FlipOptions,
  report: Report,
): Promise<Pick<FlipResult, "arrival" | "seconds">> {
  const arrival = await report.step(`weight ${weight}: waiting for new requests to arrive`, () =>
    awaitArrival(prober, weight, deadlineSeconds, interruption.signal),
  );
  return { arrival, seconds: Math.round((performance.now() - started) / 100) / 10 };
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
