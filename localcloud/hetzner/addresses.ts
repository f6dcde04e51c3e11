import { parseCidr, toAddress } from "./protocol/cidr.ts";
import { ApiError } from "./protocol/errors.ts";
import type { PrimaryIpRecord, State } from "./state.ts";

/** A /29 per address, from the second /24 of the block on: the first /24 is the core network's. */
const FIRST_OFFSET = 256;
const STEP = 8;
/** First usable host after the gateway of a /29. */
const HOST = 2;
const BLOCK_SIZE = 4096;
const COUNT = (BLOCK_SIZE - FIRST_OFFSET) / STEP;

/** Hands out public addresses: the lowest one that no Primary IP holds. */
export class Addresses {
  readonly #base: number;
  readonly #slot: number;
  readonly #state: State;

  constructor(block: string, slot: number, state: State) {
    const cidr = parseCidr(block);
    if (cidr === null) {
      throw new Error(`the block of the instance is no network: ${block}`);
    }
    this.#base = cidr.base;
    this.#slot = slot;
    this.#state = state;
  }

  allocate(type: PrimaryIpRecord["type"]): string {
    const taken = new Set(this.#state.primaryIps.all().map((each) => each.ip));
    for (let index = 0; index < COUNT; index += 1) {
      const ip = type === "ipv4" ? this.#v4(index) : this.#v6(index);
      if (!taken.has(ip)) {
        return ip;
      }
    }
    throw new ApiError(403, "resource_limit_exceeded", "primary ip limit exceeded", {
      limits: [{ name: "primary_ips" }],
    });
  }

  #v4(index: number): string {
    return toAddress(this.#base + FIRST_OFFSET + STEP * index + HOST);
  }

  /** From the documentation range: the field is there for programs that read it, nothing routes to it. */
  #v6(index: number): string {
    return `2001:db8:${(this.#slot + 1).toString(16)}:${(index + 1).toString(16)}::/64`;
  }
}
