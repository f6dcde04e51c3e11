/** The parts of the API's answers that the resources use. */

export interface Action {
  id: number;
  command: string;
  status: "running" | "success" | "error";
  error: { code: string; message: string } | null;
}

export type Labels = { [name: string]: string };

export interface SshKey {
  id: number;
  name: string;
  fingerprint: string;
  public_key: string;
  labels: Labels;
}

export interface Subnet {
  type: string;
  ip_range: string;
  network_zone: string;
  gateway: string;
  vswitch_id: number | null;
}

export interface Network {
  id: number;
  name: string;
  ip_range: string;
  subnets: Subnet[];
  protection: { delete: boolean };
  labels: Labels;
  expose_routes_to_vswitch: boolean;
}

export interface Rule {
  direction: string;
  protocol: string;
  port: string | null;
  source_ips: string[];
  destination_ips: string[];
  description: string | null;
}

export interface AppliedTo {
  type: "server" | "label_selector";
  server?: { id: number };
  label_selector?: { selector: string };
}

export interface Firewall {
  id: number;
  name: string;
  labels: Labels;
  rules: Rule[];
  applied_to: AppliedTo[];
}

export interface Location {
  id: number;
  name: string;
  description: string;
  country: string;
  city: string;
  latitude: number;
  longitude: number;
  network_zone: string;
}

export interface PrivateNet {
  network: number;
  ip: string;
  alias_ips: string[];
  mac_address: string;
}

export interface ServerType {
  id: number;
  name: string;
  description: string;
  category?: string;
  cores: number;
  memory: number;
  disk: number;
  storage_type: string;
  cpu_type: string;
  architecture: string;
  deprecation: { announced: string; unavailable_after: string } | null;
  locations?: { id: number; name: string; recommended?: boolean; available?: boolean }[];
}

export interface Image {
  id: number;
  type: string;
  status: string;
  name: string | null;
  description: string;
  created: string;
  os_flavor: string;
  os_version: string | null;
  architecture: string;
  rapid_deploy: boolean;
  deprecated: string | null;
  labels: Labels;
}

export interface Server {
  id: number;
  name: string;
  status: string;
  public_net: {
    ipv4: { id: number; ip: string; dns_ptr: string } | null;
    ipv6: { id: number; ip: string; dns_ptr: { ip: string; dns_ptr: string }[] } | null;
    firewalls: { id: number; status: string }[];
  };
  private_net: PrivateNet[];
  server_type: { name: string };
  datacenter?: { name: string } | null;
  location: { name: string };
  image: { id: number; name: string | null } | null;
  backup_window: string | null;
  protection: { delete: boolean; rebuild: boolean };
  labels: Labels;
  primary_disk_size: number;
  placement_group: { id: number } | null;
}

export interface PrimaryIp {
  id: number;
  name: string;
  type: "ipv4" | "ipv6";
  ip: string;
  assignee_id: number | null;
  assignee_type: string;
  auto_delete: boolean;
  location: { name: string };
  datacenter?: { name: string } | null;
  dns_ptr: { ip: string; dns_ptr: string }[];
  labels: Labels;
  protection: { delete: boolean };
}

export interface Volume {
  id: number;
  name: string;
  server: number | null;
  location: { name: string };
  size: number;
  format: string | null;
  linux_device: string;
  protection: { delete: boolean };
  labels: Labels;
}
