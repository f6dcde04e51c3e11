import { isIP } from "node:net";
import { hostOf, type Scalar } from "./text.ts";

/** What a unit still needs when everything else is taken from it. */
export interface SandboxSpec {
  /** Paths it may write to; everything else is read-only. */
  writable?: string[];
  /** Who it may speak with: nobody over IP, only the kernel (nftables), this host, or anybody. @default "any" */
  network?: "none" | "netlink" | "loopback" | "any";
  /** Addresses beyond this host, where the network is `loopback`. */
  peers?: string[];
  /** Capabilities it keeps, such as `CAP_NET_BIND_SERVICE`. @default none */
  capabilities?: string[];
  /** It compiles code while it runs (Node, PostgreSQL's JIT). @default false */
  jit?: boolean;
  /** It starts as root and changes to a user of its own, so it keeps the calls for that. @default false */
  changesUser?: boolean;
  /** System call groups beyond `@system-service`, such as `@chown`. */
  systemCalls?: string[];
}

const families = {
  none: "AF_UNIX",
  netlink: "AF_UNIX AF_NETLINK",
  loopback: "AF_UNIX AF_INET AF_INET6",
  any: "AF_UNIX AF_INET AF_INET6",
};

/**
 * Settings of a `[Service]` section that take from a unit what it does not need; `systemd-analyze security` scores them. A score is
 * no proof: the service's tests run with them on.
 */
export function sandbox(spec: SandboxSpec = {}): Record<string, Scalar | string[]> {
  const { capabilities = [], writable = [], network = "any", systemCalls = [] } = spec;
  return {
    CapabilityBoundingSet: capabilities.join(" "),
    ...(network === "any" ? {} : { IPAddressDeny: "any" }),
    ...(network === "loopback" ? { IPAddressAllow: ["localhost", ...(spec.peers ?? [])].join(" ") } : {}),
    LockPersonality: "yes",
    ...(spec.jit ? {} : { MemoryDenyWriteExecute: "yes" }),
    NoNewPrivileges: "yes",
    PrivateDevices: "yes",
    PrivateTmp: "yes",
    ProtectClock: "yes",
    ProtectControlGroups: "yes",
    ProtectHome: "yes",
    ProtectHostname: "yes",
    ProtectKernelLogs: "yes",
    ProtectKernelModules: "yes",
    ProtectKernelTunables: "yes",
    ProtectProc: "invisible",
    ProtectSystem: "strict",
    ...(writable.length > 0 ? { ReadWritePaths: writable.join(" ") } : {}),
    RestrictAddressFamilies: families[network],
    RestrictNamespaces: "yes",
    RestrictRealtime: "yes",
    RestrictSUIDSGID: "yes",
    SystemCallArchitectures: "native",
    // Refused calls fail rather than kill: programs ask for a few they can do without.
    SystemCallErrorNumber: "EPERM",
    SystemCallFilter: [
      ["@system-service", ...systemCalls].join(" "),
      ...(spec.changesUser ? [] : ["~@privileged @resources"]),
    ],
  };
}

/** This host, and those of the URLs given: by their addresses, or, as a name can be any address, no border at all. */
export function reachable(...urls: (string | undefined)[]): Pick<SandboxSpec, "network" | "peers"> {
  const hosts = urls.flatMap((url) => (url === undefined ? [] : [hostOf(new URL(url))]));
  if (hosts.length === 0) return { network: "loopback" };
  return hosts.some((host) => isIP(host) === 0)
    ? { network: "any" }
    : { network: "loopback", peers: [...new Set(hosts)] };
}
