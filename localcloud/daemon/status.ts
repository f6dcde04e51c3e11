import type { Acme } from "../edge/types.ts";
import { coreAddresses, type Instance } from "../instance.ts";
import { PREFIXES } from "./app.ts";

/** What the daemon tells about itself at `/_status`; no secrets, since it asks for no token. */
export interface DaemonStatus {
  name: string;
  pid: number;
  port: number;
  block: string;
  /** What it is doing, in words for a person waiting. */
  phase: string;
  ready: boolean;
  acme: Acme | null;
  memoryMiB: number;
  servers: { id: number; name: string; ipv4: string | null; status: string }[];
}

/** What `localcloud status --json` prints: everything a program needs to use the instance. */
export interface InstanceStatus {
  name: string;
  running: boolean;
  pid: number | null;
  port: number;
  block: string;
  hetzner: { endpoint: string; token: string };
  cloudflare: { baseUrl: string; token: string; accountId: string };
  /** The same APIs as the servers reach them. */
  fromServers: { hetzner: string; cloudflare: string };
  dns: string;
  edge: string;
  acme: Acme | null;
  memoryMiB: number | null;
  servers: DaemonStatus["servers"];
  directory: string;
}

export function describe(instance: Instance, daemon: DaemonStatus | null): InstanceStatus {
  const core = coreAddresses(instance.slot);
  const base = `http://127.0.0.1:${instance.port}`;
  const inside = `http://${core.gateway}:${instance.port}`;
  return {
    name: instance.name,
    running: daemon?.ready ?? false,
    pid: daemon?.pid ?? null,
    port: instance.port,
    block: instance.block,
    hetzner: { endpoint: `${base}${PREFIXES.hetzner}`, token: instance.hetznerToken },
    cloudflare: {
      baseUrl: `${base}${PREFIXES.cloudflare}`,
      token: instance.cloudflareToken,
      accountId: instance.accountId,
    },
    fromServers: { hetzner: `${inside}${PREFIXES.hetzner}`, cloudflare: `${inside}${PREFIXES.cloudflare}` },
    dns: core.dns,
    edge: core.edge,
    acme: daemon?.acme ?? null,
    memoryMiB: daemon?.memoryMiB ?? null,
    servers: daemon?.servers ?? [],
    directory: instance.directory,
  };
}

const ANSWER_WITHIN_MS = 2000;

/** Asks the daemon on an instance's port; null when nobody answers or somebody else does. */
export async function askDaemon(instance: Instance): Promise<DaemonStatus | null> {
  try {
    const answer = await fetch(`http://127.0.0.1:${instance.port}/_status`, {
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    });
    const status = (await answer.json()) as DaemonStatus;
    return status.name === instance.name ? status : null;
  } catch {
    return null;
  }
}
