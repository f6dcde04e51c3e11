import { otherSide, type Side } from "../../side.ts";
import { streamName } from "../names.ts";
import type { Path, Sessions } from "../path.ts";
import { slotHolds, slotTrouble } from "../stream.ts";
import type { Stream } from "./applier.ts";

/**
 * Whoever keeps the applier running: a service on green's server for days, or a process that watches it (`host.ts`). Started twice
 * it runs once; when `stop` returns it applies nothing more.
 */
export interface ApplierHost {
  start(): Promise<void>;
  stop(): Promise<void>;
  /** @returns why it does not run or not get on, or undefined */
  trouble(): Promise<string | undefined>;
}

/** An applier of ours that reads the slot of `from` and writes to the other side, where no subscription can be made. */
export class PushPath implements Path {
  readonly from: Side;
  readonly #host: ApplierHost;

  constructor(from: Side, host: ApplierHost) {
    this.from = from;
    this.#host = host;
  }

  /** An applier opens its sessions within a few round trips, so nothing is kept ready for it. */
  async prepare(): Promise<void> {}

  start(): Promise<void> {
    return this.#host.start();
  }

  stop(): Promise<void> {
    return this.#host.stop();
  }

  async trouble(at: Sessions): Promise<string | undefined> {
    return (await this.#host.trouble()) ?? (await slotTrouble(at[this.from]));
  }

  holds(at: Sessions, lsn: string, waitMs?: number): Promise<boolean> {
    return slotHolds(at[this.from], lsn, waitMs);
  }
}

/** What the applier of one direction reads and writes. @param streamed whether commits of `from` can wait for it */
export function streamFrom(from: Side, at: Sessions, streamed = false): Stream {
  const name = streamName(from);
  return { source: at[from], target: at[otherSide(from)], slot: name, publication: name, streamed };
}
