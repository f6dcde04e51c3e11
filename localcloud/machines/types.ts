/**
 * The border between the Hetzner API and what stands behind it. The API room speaks only this interface; the Docker driver
 * is its one implementation, and tests of the API alone may use one in memory.
 */

export interface MachineSpec {
  id: number;
  /** Server name at the API; also the host name. */
  name: string;
  /** Image name at the API, for example `debian-13`. */
  image: string;
  /** Public IPv4 address inside the instance's block, or null for a server without one. */
  ipv4: string | null;
  /** cloud-init user data, verbatim; empty string for none. */
  userData: string;
  /** Public keys for root, as the API injects them. */
  sshKeys: string[];
  memoryMiB: number;
  cores: number;
  start: boolean;
}

export interface PrivateNic {
  networkId: number;
  ip: string;
}

/** One inbound or outbound rule of a provider firewall, already canonical. */
export interface PacketRule {
  direction: "in" | "out";
  protocol: "tcp" | "udp" | "icmp" | "esp" | "gre";
  /** `"80"`, `"80-85"` or null for every port. */
  port: string | null;
  /** IPv4 source networks for `in`, destination networks for `out`. An empty list matches nothing (a rule for IPv6 alone). */
  cidrs: string[];
}

/**
 * What the packet filter must enforce for one server; no `filter` means no firewall is applied and all passes. With a filter, inbound
 * is refused unless a rule allows it; outbound is open while the filter has no rule for `out`, else only those rules pass.
 */
export interface MachineFilter {
  serverId: number;
  ipv4: string;
  filter: PacketRule[] | null;
}

export interface MachineState {
  id: number;
  running: boolean;
}

export interface Machines {
  /** Makes the public network, the disk and the container, and starts it unless told not to. */
  createServer(spec: MachineSpec): Promise<void>;
  deleteServer(id: number): Promise<void>;
  powerOn(id: number): Promise<void>;
  /** Hard off. */
  powerOff(id: number): Promise<void>;
  /** Clean shutdown through systemd, then off. */
  shutdown(id: number): Promise<void>;
  reboot(id: number): Promise<void>;
  /** Every process of the server stands still: connections are accepted by nobody and hang, as on a machine that died. */
  freeze(id: number): Promise<void>;
  /** Ends `freeze`; no error for a server that was not frozen. */
  thaw(id: number): Promise<void>;
  /** New disk from the image, same addresses, same private NICs; cloud-init runs again. */
  rebuild(spec: MachineSpec, nics: PrivateNic[]): Promise<void>;
  /** Another public address, or none, for a server that is off; its disk and private NICs stay. */
  changeAddress(id: number, ipv4: string | null): Promise<void>;
  /** Other limits for a server that is off; its disk stays. */
  changeType(id: number, memoryMiB: number, cores: number): Promise<void>;
  createNetwork(id: number, ipRange: string): Promise<void>;
  deleteNetwork(id: number): Promise<void>;
  /** NIC hot-plug. */
  attachNetwork(serverId: number, nic: PrivateNic): Promise<void>;
  detachNetwork(serverId: number, networkId: number): Promise<void>;
  createVolume(id: number, sizeGiB: number): Promise<void>;
  deleteVolume(id: number): Promise<void>;
  /** The volume shows up in the server as /mnt/HC_Volume_<id> at the next start when it cannot be hot-plugged. */
  attachVolume(serverId: number, volumeId: number): Promise<void>;
  detachVolume(serverId: number, volumeId: number): Promise<void>;
  /** Replaces the whole packet filter of the instance in one transaction. */
  applyFilters(filters: MachineFilter[]): Promise<void>;
  states(): Promise<MachineState[]>;
  /** Image names that can be booted, for example `["debian-12", "debian-13"]`. */
  images(): Promise<string[]>;
  /** Removes everything that carries the instance's label, also what a crash left behind. */
  reset(): Promise<void>;
}
