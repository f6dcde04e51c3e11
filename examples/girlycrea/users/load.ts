import { openBrowser } from "./browser.ts";
import { type Customer, Customers } from "./customers.ts";
import { CYCLE, type Journey, lookOnceMore } from "./journeys.ts";
import type { NameCache } from "./names.ts";
import { type Clock, type Diary, Disappointed, Visit } from "./visit.ts";

export interface LoadOptions {
  name: string;
  port?: number;
  names: Pick<NameCache, "address">;
  ca: string;
  /** Requests a second, over all users. */
  rate: number;
  diary: Diary;
  /** Ends the load: nobody arrives any more, and what is under way is dropped. */
  signal: AbortSignal;
}

/** Pause between two requests of one user. */
const THINK_MS = 700;

/** Milliseconds between two arrivals, so that the journeys together make `rate` requests a second. */
export function arrivalInterval(rate: number, cycle: readonly Journey[] = CYCLE): number {
  const requests = cycle.reduce((sum, journey) => sum + journey.requests, 0) / cycle.length;
  return (requests / rate) * 1_000;
}

/**
 * Users arrive by a fixed schedule, however the shop is doing: an open loop. When the signal ends it, everybody who has left a cart looks at
 * it once more; then it resolves.
 */
export async function runLoad(options: LoadOptions): Promise<void> {
  const { signal } = options;
  const clock = createClock(signal);
  const customers = new Customers();
  const interval = arrivalInterval(options.rate);
  const start = clock.now();
  const arrivalOf = (visit: number) => start + visit * interval;
  // It sleeps no longer than the load lasts.
  const isDue = (visit: number) =>
    clock.sleepUntil(arrivalOf(visit)).then(
      () => !signal.aborted,
      () => false,
    );
  let number = 0;
  for (; await isDue(number); number += 1) void receive(number, arrivalOf(number), options, clock, customers);
  // One more look by everybody who has left a cart: on the side where the shop has ended up.
  await Promise.all(customers.absent.map((customer, at) => seeOff(number + at, customer, options, customers)));
}

/** After the load has ended, so without its signal. */
async function seeOff(number: number, customer: Customer, options: LoadOptions, customers: Customers): Promise<void> {
  const { name, port, names, ca, diary } = options;
  const browser = openBrowser({ name, names, ca, ...(port === undefined ? {} : { port }) });
  const clock = createClock(new AbortController().signal);
  try {
    const arrival = clock.now();
    const visit = new Visit({ number, journey: "undecided", browser, diary, clock, arrival, think: 0 });
    await lookOnceMore(visit, customers, customer);
  } catch (error) {
    if (!(error instanceof Disappointed)) throw error;
  } finally {
    browser.close();
  }
}

async function receive(
  number: number,
  arrival: number,
  options: LoadOptions,
  clock: Clock,
  customers: Customers,
): Promise<void> {
  const journey = CYCLE[number % CYCLE.length];
  if (!journey) return;
  const { signal, diary } = options;
  // What is dropped at the end is nobody's failure, so nothing is written down any more.
  const open: Diary = {
    request: (record) => {
      customers.saw(record.side);
      if (!signal.aborted) diary.request(record);
    },
    order: (order) => diary.order(order),
  };
  const browser = openBrowser(options);
  try {
    const visit = new Visit({ number, journey: journey.name, browser, diary: open, clock, arrival, think: THINK_MS });
    await journey.run(visit, customers);
  } catch (error) {
    if (!(error instanceof Disappointed) && !signal.aborted) throw error;
  } finally {
    browser.close();
  }
}

/** Sleeping ends early, with an error, when the load ends. */
function createClock(signal: AbortSignal): Clock {
  const now = () => performance.timeOrigin + performance.now();
  return {
    now,
    sleepUntil: (time) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return reject(new Disappointed("the load has ended"));
        const timer = setTimeout(finish, Math.max(0, time - now()));
        function finish() {
          signal.removeEventListener("abort", abandon);
          resolve();
        }
        function abandon() {
          clearTimeout(timer);
          reject(new Disappointed("the load has ended"));
        }
        signal.addEventListener("abort", abandon, { once: true });
      }),
  };
}
