import type { Side } from "../../../migration/side.ts";
import type { Major } from "./cluster.ts";
import type { Fault, Ground } from "./fault.ts";
import { type Network, startNetwork } from "./network.ts";
import { type LivePair, startLivePair } from "./run.ts";

/** Two sides with a network between them that can be broken. */
export interface GroundOptions {
  versions: readonly [blue: Major, green: Major];
  /** Whether the writers come through PgBouncer. */
  pooled: boolean;
  /** Whether green's changes are pushed to blue, and not subscribed to. */
  pushed: boolean;
  /** One way, between the servers, and from the operator and the pooler to the side they do not stand beside. */
  delayMs: number;
  /** Where the operator, the pooler and the applier are; a mover is on green's server. @default "blue" */
  beside?: Side;
  /** Whether green's commits wait for blue. @default false */
  synchronous?: boolean;
}

const BUDGET_MS = 2_000;
/** Of a flip, and of what its servers ask each other, with as much again for what has to be asked twice. */
const ROUND_TRIPS = 80;

/** One that stands until it is taken away. */
export interface StandingGround extends Ground {
  remove(): Promise<void>;
}

/** Starts such a pair with writers on it. */
export async function startGround({
  versions,
  pooled,
  pushed,
  delayMs,
  beside = "blue",
  ...more
}: GroundOptions): Promise<StandingGround> {
  const networks: Network[] = [];
  const through = async (port: number, ms = delayMs) => {
    const network = await startNetwork(port, ms);
    networks.push(network);
    return network;
  };
  const between: Partial<Record<Side, Network>> = {};
  let pair: LivePair | undefined;
  const remove = async () => {
    await pair?.remove();
    for (const network of networks) await network.remove();
  };
  try {
    pair = await startLivePair(...versions, {
      pooler: pooled,
      pushed,
      ...more,
      peer: async (side, port) => {
        // Where nobody subscribes to green, whoever reaches it is the applier.
        const network = await through(port, pushed && side === "green" && beside === "green" ? 0 : delayMs);
        between[side] = network;
        return network.port;
      },
      operator: async (side, port) => (side !== beside && delayMs > 0 ? (await through(port)).port : port),
    });
    const { blue, green } = between;
    if (blue === undefined || green === undefined) throw new Error("the servers have no way to each other");
    return { pair, networks: { blue, green }, budgetMs: BUDGET_MS + ROUND_TRIPS * 2 * delayMs, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** Runs `work` on such a pair, and takes everything away afterwards. */
export async function onGround<T>(options: GroundOptions, work: (ground: Ground) => Promise<T>): Promise<T> {
  const ground = await startGround(options);
  try {
    return await work(ground);
  } finally {
    await ground.remove();
  }
}

/** @returns what was wrong after it, in one line each */
export async function tryFault(fault: Fault, ground: Ground): Promise<string[]> {
  try {
    await fault.happen(ground);
    await ground.pair.intact();
    return [];
  } catch (error) {
    return [`${fault.name}: ${error instanceof Error ? error.message : String(error)}`];
  }
}

/** The last look, with the writers at rest. @returns what is wrong */
export async function lastLook({ pair }: Ground, pooled: boolean): Promise<string[]> {
  const wrong = await pair.finish().then(
    () => [],
    (error: unknown) => [`at the end: ${error instanceof Error ? error.message : String(error)}`],
  );
  return pooled
    ? [...wrong, ...pair.shoppers.outcomes.errors.map((error) => `a client of the pooler saw: ${error}`)]
    : wrong;
}

/** @throws Error saying which versions there are */
export function versionsOf(text: string): [Major, Major] {
  const [blue, green, ...more] = text
    .split("-")
    .map((part) => ([15, 16, 17, 18] as const).find((one) => String(one) === part));
  if (blue === undefined || green === undefined || more.length > 0)
    throw new Error(`'${text}' is no pair of versions; allowed are 15 to 18, such as 15-17`);
  return [blue, green];
}
