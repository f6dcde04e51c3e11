/** Addresses and names of one instance of the local cloud; everything follows from its name and its slot. */
export interface Instance {
  name: string;
  /** 0-15; the default instance `local` prefers slot 0. Decides the port and the address block. */
  slot: number;
  /** Loopback port of the API; also opened on the gateway of the core network for the servers. */
  port: number;
  /** Public addresses of the instance, a /20 of 198.18.0.0/16 (the benchmarking range). */
  block: string;
  /** Directory of state.json, instance.json, daemon.log. */
  directory: string;
  /** 64 characters, for the Hetzner API. */
  hetznerToken: string;
  /** 40 characters, for the Cloudflare API. */
  cloudflareToken: string;
  /** 32 hex digits; the one account of the Cloudflare API. */
  accountId: string;
}

/** Addresses of the instance's own services, all in the first /24 of its block (the core network). */
export interface CoreAddresses {
  subnet: string;
  gateway: string;
  dns: string;
  edge: string;
  acme: string;
}

export const DEFAULT_PORT = 4380;
/** A /20 each fills 198.18.0.0/16. */
export const SLOTS = 16;

/** API port of a slot: 4380, 4390, ... so that an instance has room for neighbours. */
export function portOf(slot: number): number {
  return DEFAULT_PORT + slot * 10;
}

/** Address block of a slot: 198.18.0.0/20, 198.18.16.0/20, ... */
export function blockOf(slot: number): string {
  return `198.18.${slot * 16}.0/20`;
}

/** Core addresses of a slot; servers get a /29 each from the second /24 on. */
export function coreAddresses(slot: number): CoreAddresses {
  const prefix = `198.18.${slot * 16}`;
  return {
    subnet: `${prefix}.0/24`,
    gateway: `${prefix}.1`,
    dns: `${prefix}.2`,
    edge: `${prefix}.3`,
    acme: `${prefix}.4`,
  };
}

/** Label on every container, network and volume of an instance; `reset` finds all of them by it. */
export const INSTANCE_LABEL = "localcloud.instance";
/** Label on the Docker images the local cloud boots servers from; its value is the image name at the API. */
export const IMAGE_LABEL = "localcloud.image";
