/** What can be asked of a server. */
import type { InputsOf } from "../define.ts";
import { flag, labels, name } from "./inputs.ts";

const nic = {
  networkId: { type: "integer" },
  subnetId: { type: "string" },
  ip: { type: "string", computed: true },
  aliasIps: { type: { set: "string" }, computed: true },
  macAddress: { type: "string", computed: true },
} as const;

const publicNet = {
  ipv4: { type: "integer", computed: true },
  ipv4Enabled: { type: "boolean", default: true },
  ipv6: { type: "integer", computed: true },
  ipv6Enabled: { type: "boolean", default: true },
} as const;

const notHere = "the local cloud has no such thing";

export const serverInputs = {
  name,
  serverType: { type: "string", required: true },
  image: { type: "string", computed: true, replace: true },
  location: { type: "string", computed: true, replace: true },
  datacenter: { type: "string", computed: true, refused: "removed by Hetzner; use 'location'" },
  userData: { type: "string", replace: true, writeOnly: true },
  sshKeys: { type: { list: "string" }, replace: true, writeOnly: true },
  labels,
  firewallIds: { type: { set: "integer" }, computed: true },
  ignoreRemoteFirewallIds: flag,
  networks: { type: { set: { object: nic } } },
  publicNets: { type: { set: { object: publicNet } } },
  placementGroupId: { type: "integer", refused: notHere },
  keepDisk: flag,
  backups: flag,
  iso: { type: "string", refused: notHere },
  rescue: { type: "string", refused: notHere },
  deleteProtection: flag,
  rebuildProtection: flag,
  shutdownBeforeDeletion: flag,
  allowDeprecatedImages: { type: "boolean" },
} as const;

export type ServerInputs = InputsOf<typeof serverInputs>;
