import { Resolver } from "node:dns/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { Agent, request } from "undici";
import type { Settings } from "../settings/parse.ts";
import { OperatorError } from "./errors.ts";

export type Side = "blue" | "green";

export interface ProbeResult {
  side: Side | null;
  /** Null when no answer came. */
  status: number | null;
  error?: string;
}

const GREEN_HEADER = "x-bascule-side";
const TIMEOUT_MS = 5_000;

/** One request as a new user would make it: a new resolution, a new connection, no cookie, the certificate verified. */
export interface Prober {
  /** Through the public name. */
  probe(): Promise<ProbeResult>;
  /** Straight to one side's address under the public name: is the side fit to take traffic? */
  probeAddress(address: string): Promise<ProbeResult>;
}

export function createProber(settings: Settings): Prober {
  const { domain, probe, app } = settings;
  const resolver = new Resolver({ timeout: 2_000, tries: 2 });
  if (probe.resolver) resolver.setServers([probe.resolver]);
  const get = async (address: string): Promise<ProbeResult> => {
    const agent = new Agent({
      connect: {
        ca: probe.caCertificate,
        servername: domain,
        lookup: (_name, _options, done) => done(null, [{ address, family: 4 }]),
      },
    });
    try {
      const answer = await request(`https://${domain}${app.healthPath}`, {
        dispatcher: agent,
        headersTimeout: TIMEOUT_MS,
        bodyTimeout: TIMEOUT_MS,
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      await answer.body.dump();
      return { status: answer.statusCode, side: answer.headers[GREEN_HEADER] === "green" ? "green" : "blue" };
    } catch (error) {
      return { status: null, side: null, error: reason(error) };
    } finally {
      await agent.destroy();
    }
  };
  return {
    probeAddress: get,
    async probe() {
      try {
        const [address] = await resolver.resolve4(domain);
        return address === undefined
          ? { status: null, side: null, error: `${domain} has no address` }
          : await get(address);
      } catch (error) {
        return { status: null, side: null, error: reason(error) };
      }
    },
  };
}

function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}

/** @throws OperatorError when the side does not answer 200 on its own address. */
export async function requireHealthy(prober: Prober, side: Side, address: string, remedy: string): Promise<void> {
  const { status, error } = await prober.probeAddress(address);
  if (status === 200) return;
  throw new OperatorError(
    `${side} at ${address} is not fit to take traffic: ${error ?? `its health check answers ${status}`}`,
    remedy,
    30,
  );
}

export interface ArrivalResult {
  /** Whether every new request of a whole round was answered by the right side. */
  arrived: boolean;
  requests: number;
  failed: number;
  /** Green's share of the last round, 0-1. */
  greenShare: number;
  lastError?: string;
}

const ROUND = 24;

/**
 * Asks through the public name until the weight can be seen: at 0 and 100 every answer of a round comes from one side; in
 * between every answer is good, whoever gave it.
 */
export async function awaitArrival(
  prober: Prober,
  weight: number,
  deadlineSeconds: number,
  signal: AbortSignal,
): Promise<ArrivalResult> {
  const end = performance.now() + deadlineSeconds * 1000;
  const result: ArrivalResult = { arrived: false, requests: 0, failed: 0, greenShare: 0 };
  for (;;) {
    const round = await Promise.all(Array.from({ length: ROUND }, () => prober.probe()));
    const bad = round.filter(({ status }) => status !== 200);
    const green = round.filter(({ side }) => side === "green").length;
    result.requests += round.length;
    result.failed += bad.length;
    result.greenShare = green / ROUND;
    result.lastError = bad[0] ? (bad[0].error ?? `status ${bad[0].status}`) : result.lastError;
    result.arrived = bad.length === 0 && (weight === 100 ? green === ROUND : weight === 0 ? green === 0 : true);
    if (result.arrived || performance.now() > end) return result;
    // Not the sleep's own error, which would hide why: the reason knows the exit code and the next command.
    signal.throwIfAborted();
    await sleep(250);
  }
}
