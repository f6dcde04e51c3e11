import { createHash } from "node:crypto";
import { isIPv4 } from "node:net";
import type { Origin } from "../../cloudflare/balancing/schemas.ts";
import { type Model, targetOf } from "../model.ts";

/** An origin that can be reached: its address is resolved. */
export interface ServerLine {
  /** Name in the configuration and in cookies; stays while the origin's name and address stay. */
  name: string;
  address: string;
  port: number | undefined;
  /** 0-100. */
  weight: number;
}

/** An origin is an address, or a name of this instance; other names have no address here. */
export function serverOf(origin: Origin, model: Model): ServerLine[] {
  const target = targetOf(origin.address.toLowerCase(), model);
  const address = target.kind === "addresses" ? target.addresses[0] : origin.address;
  if (address === undefined || !isIPv4(address)) {
    return [];
  }
  const name = `o${createHash("sha256").update(`${origin.name} ${origin.address}`).digest("hex").slice(0, 12)}`;
  return [{ name, address, port: origin.port || undefined, weight: Math.round((origin.weight ?? 1) * 100) }];
}
