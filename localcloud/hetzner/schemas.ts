import { z } from "zod";

/** What the API answers, resource by resource. Types of views come from here, so that a forgotten field does not compile. */
const id = z.number().int();
const labels = z.record(z.string(), z.string());
const deletable = z.object({ delete: z.boolean() });
const dnsPointer = z.object({ ip: z.string(), dns_ptr: z.string() });

export const actionSchema = z.object({
  id,
  command: z.string(),
  status: z.enum(["running", "success", "error"]),
  progress: z.number().int(),
  started: z.string(),
  finished: z.string().nullable(),
  resources: z.array(z.object({ id, type: z.string() })),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
});
export type Action = z.output<typeof actionSchema>;

export const locationSchema = z.object({
  id,
  name: z.string(),
  description: z.string(),
  country: z.string(),
  city: z.string(),
  latitude: z.number(),
  longitude: z.number(),
  network_zone: z.string(),
});
export type Location = z.output<typeof locationSchema>;

export const datacenterSchema = z.object({
  id,
  name: z.string(),
  description: z.string(),
  location: locationSchema,
  server_types: z.object({ supported: z.array(id), available: z.array(id), available_for_migration: z.array(id) }),
});
export type Datacenter = z.output<typeof datacenterSchema>;

const money = z.object({ net: z.string(), gross: z.string() });

export const serverTypeSchema = z.object({
  id,
  name: z.string(),
  description: z.string(),
  category: z.string(),
  cores: z.number().int(),
  memory: z.number(),
  disk: z.number().int(),
  deprecated: z.boolean(),
  deprecation: z.null(),
  storage_type: z.string(),
  cpu_type: z.string(),
  architecture: z.enum(["x86", "arm"]),
  prices: z.array(
    z.object({
      location: z.string(),
      price_hourly: money,
      price_monthly: money,
      included_traffic: z.number(),
      price_per_tb_traffic: money,
    }),
  ),
  locations: z.array(
    z.object({ id, name: z.string(), recommended: z.boolean(), available: z.boolean(), deprecation: z.null() }),
  ),
});
export type ServerType = z.output<typeof serverTypeSchema>;

export const imageSchema = z.object({
  id,
  type: z.enum(["system", "snapshot", "backup", "app"]),
  status: z.enum(["available", "creating", "unavailable"]),
  name: z.string().nullable(),
  description: z.string(),
  image_size: z.number().nullable(),
  disk_size: z.number(),
  created: z.string(),
  created_from: z.null(),
  bound_to: z.null(),
  os_flavor: z.string(),
  os_version: z.string().nullable(),
  architecture: z.enum(["x86", "arm"]),
  rapid_deploy: z.boolean(),
  protection: deletable,
  deprecated: z.null(),
  deleted: z.null(),
  labels,
});
export type Image = z.output<typeof imageSchema>;

export const sshKeySchema = z.object({
  id,
  name: z.string(),
  fingerprint: z.string(),
  public_key: z.string(),
  labels,
  created: z.string(),
});
export type SshKey = z.output<typeof sshKeySchema>;

export const subnetSchema = z.object({
  type: z.enum(["cloud", "server", "vswitch"]),
  ip_range: z.string(),
  network_zone: z.string(),
  gateway: z.string(),
  vswitch_id: z.null(),
});
export type Subnet = z.output<typeof subnetSchema>;

export const networkSchema = z.object({
  id,
  name: z.string(),
  ip_range: z.string(),
  subnets: z.array(subnetSchema),
  routes: z.array(z.object({ destination: z.string(), gateway: z.string() })),
  servers: z.array(id),
  load_balancers: z.array(id),
  protection: deletable,
  labels,
  created: z.string(),
  expose_routes_to_vswitch: z.boolean(),
});
export type Network = z.output<typeof networkSchema>;

export const ruleSchema = z.object({
  direction: z.enum(["in", "out"]),
  protocol: z.enum(["tcp", "udp", "icmp", "esp", "gre"]),
  port: z.string().nullable(),
  source_ips: z.array(z.string()),
  destination_ips: z.array(z.string()),
  description: z.string().nullable(),
});
export type Rule = z.output<typeof ruleSchema>;

const serverResource = z.object({ type: z.literal("server"), server: z.object({ id }) });
const appliedToSchema = z.discriminatedUnion("type", [
  serverResource,
  z.object({
    type: z.literal("label_selector"),
    label_selector: z.object({ selector: z.string() }),
    applied_to_resources: z.array(serverResource),
  }),
]);
export type AppliedTo = z.output<typeof appliedToSchema>;

export const firewallSchema = z.object({
  id,
  name: z.string(),
  labels,
  created: z.string(),
  rules: z.array(ruleSchema),
  applied_to: z.array(appliedToSchema),
});
export type Firewall = z.output<typeof firewallSchema>;

export const primaryIpSchema = z.object({
  id,
  name: z.string(),
  type: z.enum(["ipv4", "ipv6"]),
  ip: z.string(),
  assignee_id: id.nullable(),
  assignee_type: z.literal("server"),
  auto_delete: z.boolean(),
  blocked: z.boolean(),
  created: z.string(),
  location: locationSchema,
  dns_ptr: z.array(dnsPointer),
  labels,
  protection: deletable,
});
export type PrimaryIp = z.output<typeof primaryIpSchema>;

export const volumeSchema = z.object({
  id,
  name: z.string(),
  server: id.nullable(),
  status: z.enum(["creating", "available"]),
  location: locationSchema,
  size: z.number().int(),
  format: z.string().nullable(),
  linux_device: z.string(),
  protection: deletable,
  labels,
  created: z.string(),
});
export type Volume = z.output<typeof volumeSchema>;

export const serverStatus = z.enum([
  "initializing",
  "starting",
  "running",
  "stopping",
  "off",
  "deleting",
  "rebuilding",
  "migrating",
  "unknown",
]);

const privateNetSchema = z.object({
  network: id,
  ip: z.string(),
  alias_ips: z.array(z.string()),
  mac_address: z.string(),
});
export type PrivateNet = z.output<typeof privateNetSchema>;

export const serverSchema = z.object({
  id,
  name: z.string(),
  status: serverStatus,
  created: z.string(),
  public_net: z.object({
    ipv4: z.object({ id, ip: z.string(), blocked: z.boolean(), dns_ptr: z.string() }).nullable(),
    ipv6: z.object({ id, ip: z.string(), blocked: z.boolean(), dns_ptr: z.array(dnsPointer) }).nullable(),
    floating_ips: z.array(id),
    firewalls: z.array(z.object({ id, status: z.enum(["applied", "pending"]) })),
  }),
  private_net: z.array(privateNetSchema),
  server_type: serverTypeSchema,
  datacenter: datacenterSchema,
  location: locationSchema,
  image: imageSchema.nullable(),
  iso: z.null(),
  rescue_enabled: z.boolean(),
  locked: z.boolean(),
  backup_window: z.string().nullable(),
  outgoing_traffic: z.number().nullable(),
  ingoing_traffic: z.number().nullable(),
  included_traffic: z.number(),
  protection: z.object({ delete: z.boolean(), rebuild: z.boolean() }),
  labels,
  volumes: z.array(id),
  load_balancers: z.array(id),
  primary_disk_size: z.number().int(),
  placement_group: z.null(),
});
export type ServerView = z.output<typeof serverSchema>;
