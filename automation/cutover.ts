import { confirm } from "@inquirer/prompts";
import { type Interruption, uninterruptible } from "./abort.ts";
import { type DataMove, dataStatus, flipToGreen } from "./data.ts";
import { EXIT, OperatorError, refusal } from "./errors.ts";
import { type FlipOptions, type FlipResult, flip, flipBack, requireArrival } from "./flip.ts";
import { CUTOVER_MESSAGE, deployedWeight, ROLLBACK_MESSAGE } from "./history.ts";
import { tellKeys } from "./keys.ts";
import { stackOutputs } from "./outputs.ts";
import { createProber, type Prober, requireHealthy } from "./probe.ts";
import type { Report } from "./report.ts";
import type { Session } from "./session.ts";

export interface CutoverOptions {
  /** Must be the steering the stack is deployed with; a cutover changes weights only. */
  steering?: "load-balancer" | "record";
  /** Weights on the way, the last one included; by default 10, 50, 100 or, with steering `record`, 100. */
  steps?: number[];
  /** Do not ask. */
  yes: boolean;
  interruption: Interruption;
}

export interface MoveResult {
  from: number;
  to: number;
  seconds: number;
  plan: string[];
  steps: { weight: number; seconds: number; probes: number; failedProbes: number }[];
  /** The database's own move, where it moves by replication. */
  data?: DataMove;
}

/**
 * Swings traffic onto green step by step. Both sides must be healthy first, blue because it is the way back. A step whose
 * traffic does not arrive is taken back at once. Where data moves by replication, green's application works on blue's database
 * until all traffic is green's; then the database follows.
 * @throws OperatorError with exit 30 when refused (nothing changed), 20 when taken back
 */
export async function cutover(session: Session, options: CutoverOptions, report: Report): Promise<MoveResult> {
  const from = deployedWeight(await session.stack.history(100, 1));
  const { serverAddress } = await stackOutputs(session.stack);
  const follows = session.settings.data.move === "replication" && (await dataFollows(session, report));
  const steps = planSteps(session, from, options);
  const to = steps.at(-1);
  if (to === undefined && follows && from === 100)
    return { from, to: from, seconds: 0, plan: [], steps: [], data: await flipToGreen(session, report) };
  if (to === undefined) {
    throw refusal(
      `the weight is already ${from}; there is nothing to cut over`,
      `'bascule status --stack ${session.stack.name}' shows where traffic is`,
    );
  }
  const prober = createProber(session.settings);
  await report.step("both sides are healthy", async () => {
    await requireHealthy(
      prober,
      "green",
      serverAddress,
      "mend green first: 'bascule status', then the service's log on the server",
    );
    await requireHealthy(
      prober,
      "blue",
      session.settings.blue.address,
      "blue is the way back: bring it up before leaving it",
    );
  });
  const results: FlipResult[] = [];
  for (const weight of steps) {
    const flipOptions: FlipOptions = {
      message: `${CUTOVER_MESSAGE}: ${weight}`,
      deadlineSeconds: arrivalDeadline(session),
      interruption: options.interruption,
      confirm: options.yes || results.length > 0 ? undefined : (plan) => ask(session, from, steps, plan),
    };
    const result = await flip(session, prober, weight, flipOptions, report);
    if (!result.arrival.arrived) await takeBack(session, prober, from, result, report);
    results.push(result);
  }
  const moved = summary(from, to, results);
  return follows && to === 100 ? { ...moved, data: await flipToGreen(session, report) } : moved;
}

/** Beyond it each of an application's questions to blue's database is felt. */
const NEAR_MS = 20;

/**
 * Whether the database has to follow the traffic, as blue takes the writes.
 * @throws OperatorError with exit 30 where green is not current: it could not follow
 */
async function dataFollows(session: Session, report: Report): Promise<boolean> {
  const { state, writer, lag, roundTripMs, why, keys } = await dataStatus(session, report);
  if (writer === "green" && (keys === undefined || keys.writer === "green")) return false;
  if (writer === "blue" && state !== "current")
    throw refusal(
      `green's database is not current (${[state, why].filter((text) => text !== undefined).join(": ")})`,
      `bascule sync --stack ${session.stack.name}`,
    );
  const far = roundTripMs > NEAR_MS ? "; pass the weights below 100 quickly, or use --steps 100" : "";
  report.line(`green is ${lag?.bytes ?? 0} bytes behind blue, and ${roundTripMs} ms away from it${far}`);
  if (keys !== undefined) tellKeys(keys, session.stack.name, report);
  return true;
}

function planSteps(session: Session, from: number, options: CutoverOptions): number[] {
  const { steering } = session.settings.traffic;
  if (options.steering && options.steering !== steering) {
    throw refusal(
      `the stack is deployed with steering '${steering}', not '${options.steering}'; changing it replaces DNS entries, which a cutover never does`,
      `pulumi config set --path bascule:traffic.steering ${options.steering}, then 'pulumi up', then the cutover`,
    );
  }
  const steps = options.steps ?? (steering === "record" ? [100] : [10, 50, 100]);
  const wrong = steps.find((weight) => !Number.isInteger(weight) || weight < 0 || weight > 100);
  if (wrong !== undefined)
    throw refusal(`--steps has ${wrong}; a weight is a whole number from 0 to 100`, "for example --steps 10,50,100");
  if (steps.some((weight, index) => weight <= (steps[index - 1] ?? -1)))
    throw refusal(`--steps ${steps.join(",")} does not rise; a cutover only goes up`, "for example --steps 10,50,100");
  if (steering === "record" && steps.some((weight) => weight !== 100)) {
    throw refusal(
      `--steps ${steps.join(",")} needs steering 'load-balancer'; one DNS record carries only 0 or 100`,
      "leave --steps out",
    );
  }
  return steps.filter((weight) => weight > from);
}

/** A record's answers live for its TTL in resolvers; a proxied load balancer obeys within seconds. */
export function arrivalDeadline(session: Session): number {
  const { steering, ttl } = session.settings.traffic;
  return steering === "record" ? ttl + 60 : 60;
}

async function ask(session: Session, from: number, steps: number[], plan: string[]): Promise<boolean> {
  if (!process.stdin.isTTY)
    throw refusal("a cutover asks before it moves traffic, and there is no terminal to ask", "run it with --yes");
  process.stderr.write(`These resources change, and nothing else:\n  ${plan.join("\n  ")}\n`);
  const message = `Move ${session.settings.domain} from weight ${from} to ${steps.join(", ")}?`;
  // On stderr: stdout is for the result.
  return confirm({ message, default: false }, { output: process.stderr });
}

async function takeBack(
  session: Session,
  prober: Prober,
  from: number,
  failed: FlipResult,
  report: Report,
): Promise<never> {
  report.line(`weight ${failed.weight} did not arrive; taking it back to ${from}`);
  const options = {
    message: `${ROLLBACK_MESSAGE}: ${from}`,
    deadlineSeconds: arrivalDeadline(session),
    interruption: uninterruptible,
  };
  requireArrival(await flipBack(session, prober, from, options, report));
  const { lastError } = failed.arrival;
  throw new OperatorError(
    `weight ${failed.weight} did not arrive${lastError ? ` (${lastError})` : ""}; traffic is back at weight ${from}`,
    "look at both sides with 'bascule status', mend green, then run the cutover again",
    EXIT.reverted,
  );
}

export function summary(from: number, to: number, results: FlipResult[]): MoveResult {
  return {
    from,
    to,
    seconds: Math.round(results.reduce((sum, { seconds }) => sum + seconds, 0) * 10) / 10,
    plan: [...new Set(results.flatMap(({ plan }) => plan))],
    steps: results.map(({ weight, seconds, arrival }) => ({
      weight,
      seconds,
      probes: arrival.requests,
      failedProbes: arrival.failed,
    })),
  };
}
