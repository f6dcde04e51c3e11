import type { z } from "zod";
import type { Collection, Store } from "../daemon/store.ts";
import type { Labels } from "./protocol/selectors.ts";
import type { Action, PrivateNet, Rule, SshKey, Subnet, serverStatus } from "./schemas.ts";

export type { Collection };

export interface ServerRecord {
  id: number;
  name: string;
  status: z.output<typeof serverStatus>;
  created: string;
  serverType: string;
  location: string;
  image: string;
  userData: string;
  /** The keys themselves: a rebuild gives them again even when the SSH key resources are gone. */
  publicKeys: string[];
  labels: Labels;
  protected: boolean;
  diskGb: number;
  privateNet: PrivateNet[];
}

export interface NetworkRecord {
  id: number;
  name: string;
  created: string;
  ipRange: string;
  subnets: Subnet[];
  labels: Labels;
  protected: boolean;
  exposeRoutesToVswitch: boolean;
}

export type FirewallTarget = { type: "server"; serverId: number } | { type: "label_selector"; selector: string };

export interface FirewallRecord {
  id: number;
  name: string;
  created: string;
  labels: Labels;
  rules: Rule[];
  targets: FirewallTarget[];
}

export interface PrimaryIpRecord {
  id: number;
  name: string;
  created: string;
  type: "ipv4" | "ipv6";
  ip: string;
  serverId: number | null;
  autoDelete: boolean;
  location: string;
  labels: Labels;
  protected: boolean;
  /** Reverse names that were set; the default of an IPv4 address is not stored. */
  pointers: { ip: string; dns_ptr: string }[];
}

export interface VolumeRecord {
  id: number;
  name: string;
  created: string;
  serverId: number | null;
  location: string;
  size: number;
  format: string | null;
  labels: Labels;
  protected: boolean;
}

/** Everything the Hetzner API remembers. */
export interface State {
  actions: Collection<Action>;
  sshKeys: Collection<SshKey>;
  networks: Collection<NetworkRecord>;
  firewalls: Collection<FirewallRecord>;
  primaryIps: Collection<PrimaryIpRecord>;
  volumes: Collection<VolumeRecord>;
  servers: Collection<ServerRecord>;
}

export function stateIn(store: Store): State {
  return {
    actions: store.collection("hetzner.actions"),
    sshKeys: store.collection("hetzner.ssh_keys"),
    networks: store.collection("hetzner.networks"),
    firewalls: store.collection("hetzner.firewalls"),
    primaryIps: store.collection("hetzner.primary_ips"),
    volumes: store.collection("hetzner.volumes"),
    servers: store.collection("hetzner.servers"),
  };
}
