import type { Browser, Reply, Request } from "./browser.ts";
import type { AckedOrder, Kind, Possession, RequestRecord } from "./records.ts";

/** Where a visit writes down what happened. */
export interface Diary {
  request(record: RequestRecord): void;
  order(order: AckedOrder): void;
}

/** Time as a visit sees it; a test brings its own. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  sleepUntil(time: number): Promise<void>;
}

/** What the journey makes of an answer: fine, fine with a remark, or broken and why. */
export type Verdict =
  | { kind: "ok"; error?: string; relogin?: true; lost?: Possession; carried?: true }
  | { kind: "failed"; error?: string };

/** The user leaves: something was broken. It has been recorded. */
export class Disappointed extends Error {}

export interface VisitOptions {
  number: number;
  journey: string;
  browser: Browser;
  diary: Diary;
  clock: Clock;
  /** When the user arrives: the first request is due then. */
  arrival: number;
  /** Pause between two requests of the user, in milliseconds. */
  think: number;
}

/** One user's requests in time: due by a schedule that does not wait for slow answers. */
export class Visit {
  readonly #options: VisitOptions;
  #due: number;

  constructor(options: VisitOptions) {
    this.#options = options;
    this.#due = options.arrival;
  }

  get diary(): Diary {
    return this.#options.diary;
  }

  /** What the browser holds of this shop. */
  get cookies(): ReadonlyMap<string, string> {
    return this.#options.browser.cookies;
  }

  /** The customer comes with the browser of the visit before. */
  set cookies(cookies: ReadonlyMap<string, string>) {
    this.#options.browser.cookies = new Map(cookies);
  }

  now(): string {
    return new Date(this.#options.clock.now()).toISOString();
  }

  /**
   * One step of the journey. A write that meets a planned pause comes back when asked to, with the same body, as often as it
   * takes. Everything else is what `judge` says.
   */
  async step(name: string, request: Request, judge: (reply: Reply) => Verdict): Promise<Reply> {
    for (;;) {
      await this.#options.clock.sleepUntil(this.#due);
      const reply = await this.#options.browser.send(request);
      if (isHeld(request, reply)) {
        this.#record(name, request, reply, { kind: "held" });
        // Spread over a second, or everybody who waits would come back in the same instant.
        const spread = (this.#options.number % 10) * 100;
        this.#due = this.#options.clock.now() + (reply.retryAfter ?? 0) * 1_000 + spread;
        continue;
      }
      const verdict = judge(reply);
      this.#record(name, request, reply, verdict);
      this.#due += this.#options.think;
      if (verdict.kind === "failed") throw new Disappointed(`${name}: ${verdict.error ?? reply.status}`);
      return reply;
    }
  }

  #record(step: string, request: Request, reply: Reply, verdict: Verdict | { kind: Kind }): void {
    const { number, journey, clock, diary } = this.#options;
    diary.request({
      at: new Date(this.#due).toISOString(),
      visit: number,
      journey,
      step,
      method: request.method,
      path: request.path,
      status: reply.status,
      ms: Math.max(0, Math.round(clock.now() - this.#due)),
      side: reply.side,
      ...verdict,
    });
  }
}

function isHeld(request: Request, reply: Reply): boolean {
  return request.method !== "GET" && reply.status === 503 && reply.retryAfter !== undefined;
}

/** The plain judgement: one of these statuses, and anything else is broken. */
export function expects(...statuses: number[]): (reply: Reply) => Verdict {
  return (reply) => (statuses.includes(reply.status) ? { kind: "ok" } : broken(reply));
}

export function broken(reply: Reply, why?: string): Verdict {
  return { kind: "failed", error: why ?? reply.error ?? `answered ${reply.status}` };
}
