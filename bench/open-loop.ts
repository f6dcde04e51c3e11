import { setTimeout as sleep } from "node:timers/promises";
import { Agent, request } from "undici";

export interface OpenLoopOptions {
  /** Address the requests go to; the name in them is `host`. */
  address: string;
  host: string;
  /** PEM of the root the certificate must come from. */
  ca: string;
  paths: string[];
  /** Requests a second, sent whether or not earlier ones were answered. */
  rate: number;
}

export interface OpenLoopResult {
  requests: number;
  failed: number;
  /** The first few, in words. */
  reasons: string[];
  /** Milliseconds from when a request was due, so that a stall counts for all that waited. */
  p99: number;
}

/** Asks at a fixed rate until told to end; the result is there when the last answer is. */
export function startOpenLoop({ address, host, ca, paths, rate }: OpenLoopOptions): {
  end(): void;
  result: Promise<OpenLoopResult>;
} {
  const dispatcher = new Agent({ connect: { ca, servername: host }, connections: 200 });
  const begun = performance.now();
  const latencies: number[] = [];
  const reasons: string[] = [];
  const open = new Set<Promise<void>>();
  let requests = 0;
  let failed = 0;
  let going = true;

  const ask = async (path: string, due: number) => {
    try {
      const { statusCode, body } = await request(`https://${address}${path}`, {
        dispatcher,
        headers: { host },
        headersTimeout: 10_000,
        bodyTimeout: 10_000,
      });
      await body.dump();
      if (statusCode !== 200) throw new Error(`${path} answered ${statusCode}`);
    } catch (error) {
      failed += 1;
      if (reasons.length < 5) reasons.push(error instanceof Error ? error.message : String(error));
    }
    latencies.push(performance.now() - due);
  };

  const schedule = async () => {
    while (going) {
      const due = begun + (requests * 1_000) / rate;
      const wait = due - performance.now();
      if (wait > 0) await sleep(wait);
      if (!going) return;
      const asked = ask(paths[requests % paths.length] ?? "/", due);
      requests += 1;
      open.add(asked);
      void asked.finally(() => open.delete(asked));
    }
  };
  const summary = async (): Promise<OpenLoopResult> => {
    await schedule();
    await Promise.all(open);
    await dispatcher.close();
    latencies.sort((a, b) => a - b);
    return { requests, failed, reasons, p99: Math.round(latencies[Math.floor(latencies.length * 0.99)] ?? 0) };
  };

  return {
    end: () => {
      going = false;
    },
    result: summary(),
  };
}
