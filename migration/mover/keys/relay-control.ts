import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { age, readJson, writeJson } from "../../files.ts";
import type { Fence } from "../../redis/fence.ts";
import { NOTE, ORDER, type Order, type RelayNote } from "../../relay/orders.ts";
import type { Side } from "../../side.ts";

/** It says once a second how it is; one that has not for so long is not there, or hangs. */
const SILENCE_MS = 5_000;
const SILENT = "the relay does not answer: see 'systemctl status bascule-relay' on green";
/** Longest the relay takes for an order. */
const OBEYED_MS = 5_000;

/** The relay, as the mover's service leads it. */
export class RelayControl {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Where the application's commands go. */
  get side(): Side {
    return readJson<Order>(this.#folder, ORDER)?.side ?? "green";
  }

  /** Undefined before the relay's first word. */
  get note(): RelayNote | undefined {
    return readJson<RelayNote>(this.#folder, NOTE);
  }

  /** @throws Error where the relay is not at work: its clients could not be kept waiting in a switch */
  requireAnswering(): void {
    if (this.note === undefined || age(this.note) > SILENCE_MS) throw new Error(SILENT);
  }

  /** Where the relay is not there it obeys when it comes again; nobody is led anywhere by then. */
  async lead(side: Side): Promise<void> {
    const before = readJson<Order>(this.#folder, ORDER);
    if (before?.side === side && before.heldUntil === 0) return;
    await this.#order({ side, heldUntil: 0 });
  }

  /** Keeps clients waiting. @throws Error where the relay does not answer */
  async hold(longestMs: number): Promise<void> {
    if (!(await this.#order({ side: this.side, heldUntil: Date.now() + longestMs }))) throw new Error(SILENT);
  }

  async #order(order: Omit<Order, "id">): Promise<boolean> {
    const id = randomUUID();
    writeJson(this.#folder, ORDER, { id, ...order });
    for (const deadline = Date.now() + OBEYED_MS; Date.now() < deadline; await pause(5))
      if (this.note?.answered === id) return true;
    return false;
  }
}

/** Clients of the relay wait while their side is closed, where others are refused. */
export class HeldFence implements Fence {
  readonly #fence: Fence;
  readonly #side: Side;
  readonly #relay: RelayControl;
  readonly #longestMs: number;

  constructor(fence: Fence, side: Side, relay: RelayControl, longestMs: number) {
    this.#fence = fence;
    this.#side = side;
    this.#relay = relay;
    this.#longestMs = longestMs;
  }

  async close(): Promise<void> {
    if (this.#relay.side === this.#side) await this.#relay.hold(this.#longestMs);
    await this.#fence.close();
  }

  async open(): Promise<void> {
    await this.#fence.open();
    if (this.#relay.side === this.#side) await this.#relay.lead(this.#side);
  }

  isClosed(): Promise<boolean> {
    return this.#fence.isClosed();
  }
}
