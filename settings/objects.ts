import { z } from "zod";
import { parseCidr } from "./cidr.ts";
import { identifier, ipv4, pem, port, setting, unixName, webAddress, wholeNumber } from "./leaves.ts";

/* The settings that are objects, one strict schema each: an unknown or misspelt field is an error, not a field nobody reads. */

const cidr = z.string().refine((text) => parseCidr(text) !== undefined);
const ipv4Cidr = z.string().refine((text) => parseCidr(text)?.family === "ipv4");

export const server = z.strictObject({
  type: setting(z.string().regex(/^[a-z]{2,4}\d{2}$/), {
    means: "Hetzner server type; decides cores and memory",
    allowed: "a type of hcloud server-type list, such as cx33",
    example: "cx33",
    change: "the server is switched off, resized and started again (about a minute down); never to a smaller disk",
  }),
  location: setting(z.string().regex(/^[a-z]{3}\d?$/), {
    means: "Hetzner location the server and its address live in",
    allowed: "a location of hcloud location list, such as fsn1",
    example: "fsn1",
    change: "REPLACES the server and its address: all data on it is lost",
  }),
  image: setting(z.enum(["debian-12", "debian-13"]), {
    means: "operating system of the server",
    allowed: "debian-12 or debian-13",
    example: "debian-13",
    change: "REPLACES the server: all data on it is lost",
  }),
  protect: setting(z.boolean().default(true), {
    means: "deletion protection of the server and its address, at Hetzner and in Pulumi",
    allowed: "true or false",
    example: "true",
    change: "nothing stops; set it to false and run pulumi up before a pulumi destroy",
  }),
});

export const network = z.strictObject({
  cidr: setting(ipv4Cidr, {
    means: "address range of the private network",
    allowed: "an IPv4 range in CIDR form, such as 10.20.0.0/16",
    example: "10.20.0.0/16",
    change: "replaces the private network; the server keeps running",
  }),
  subnet: setting(ipv4Cidr, {
    means: "range inside the private network that servers take addresses from",
    allowed: "an IPv4 range in CIDR form inside bascule:network.cidr, such as 10.20.1.0/24",
    example: "10.20.1.0/24",
    change: "replaces the subnet and the server's private address",
  }),
});

export const access = z.strictObject({
  user: setting(unixName, {
    means: "the account that deploys: SSH by key, sudo for hostctl only",
    allowed: "a lower-case account name other than root, such as deploy",
    example: "deploy",
    change: "needs a new server: accounts are made at first boot",
  }),
  adminCidrs: setting(z.array(cidr).min(1), {
    means: "where SSH may come from; everything else is dropped by Hetzner's firewall",
    allowed: "a list of at least one range in CIDR form, never the whole internet",
    example: "203.0.113.7/32",
    change: "firewall rules change at once; leaving out your own address locks you out",
  }),
});

export const postgres = z.strictObject({
  version: setting(z.union([z.literal(15), z.literal(17)]), {
    means: "PostgreSQL major version, the one the server's image ships",
    allowed: "15 (with debian-12) or 17 (with debian-13)",
    example: "17",
    change: "refused on a server with data: a new major version is a move, not a setting",
  }),
  database: setting(identifier, {
    means: "name of the application's database",
    allowed: "lower-case letters, digits and _, at most 63",
    example: "shop",
    change: "makes a NEW, EMPTY database; the old one stays on the server, unused",
  }),
  role: setting(identifier, {
    means: "role the application connects as; owns the database",
    allowed: "lower-case letters, digits and _, at most 63, not postgres",
    example: "shop",
    change: "makes a new role; the old one stays and still owns what it made; the app restarts",
  }),
  extensions: setting(z.array(z.string().regex(/^[a-z][a-z0-9_-]*$/)).default([]), {
    means: "extensions created in the database",
    allowed: "a list of extension names, such as pg_trgm",
    example: "pg_trgm",
    change:
      "creates the extension; one that is left out stays in the database; pg_stat_statements restarts PostgreSQL (about 2 s)",
  }),
  maxConnections: setting(wholeNumber(20, 1000).default(100), {
    means: "PostgreSQL's max_connections",
    allowed: "a whole number from 20 to 1000",
    example: "100",
    change: "restarts PostgreSQL (about 2 s)",
  }),
  forwardPort: setting(port.default(15432), {
    means: "loopback port of the operator's machine where the database appears through SSH",
    allowed: "a free port from 1024 to 65535",
    example: "15432",
    change: "nothing on the server",
  }),
});

export const pgbouncer = z.strictObject({
  poolSize: setting(wholeNumber(1, 500).default(20), {
    means: "server connections PgBouncer keeps to PostgreSQL",
    allowed: "a whole number from 1 to 500, below bascule:postgres.maxConnections",
    example: "20",
    change: "reload, no client is dropped",
  }),
  maxClientConnections: setting(wholeNumber(10, 20000).default(1000), {
    means: "client connections PgBouncer accepts",
    allowed: "a whole number from 10 to 20000",
    example: "1000",
    change: "reload, no client is dropped",
  }),
});

const EVICTION_POLICIES = [
  "noeviction",
  "allkeys-lru",
  "allkeys-lfu",
  "allkeys-random",
  "volatile-lru",
  "volatile-lfu",
  "volatile-random",
  "volatile-ttl",
] as const;

export const redis = z.strictObject({
  maxmemoryMiB: setting(wholeNumber(16, 262144).default(256), {
    means: "memory for keys, in MiB",
    allowed: "a whole number of MiB from 16 on",
    example: "256",
    change: "restarts the cache (under a second); keys are kept",
  }),
  policy: setting(z.enum(EVICTION_POLICIES).default("allkeys-lfu"), {
    means: "what goes when the memory is full",
    allowed: `one of ${EVICTION_POLICIES.join(", ")}`,
    example: "allkeys-lfu",
    change: "restarts the cache (under a second); keys are kept",
  }),
});

export const app = z.strictObject({
  name: setting(unixName, {
    means: "name of the application's unit, account and folder",
    allowed: "lower-case letters, digits and -, at most 31",
    example: "shop",
    change: "sets up the app under the new name; the old unit stays until removed by hand",
  }),
  artefact: setting(z.string().regex(/^[^/].*\.(tar\.gz|tgz)$/), {
    means: "the built application, a gzipped tar, relative to the project's folder",
    allowed: "a relative path that ends in .tar.gz",
    example: "examples/girlycrea/app/dist/shop.tar.gz",
    change: "a new release; the instances restart one after the other",
  }),
  entry: setting(
    z
      .string()
      .regex(/^[^/\s][^\s]*\.(mjs|cjs|js)$/)
      .default("server.mjs"),
    {
      means: "file of the artefact that Node runs",
      allowed: "a relative path that ends in .mjs, .cjs or .js",
      example: "server.mjs",
      change: "the instances restart one after the other",
    },
  ),
  instances: setting(wholeNumber(1, 32).default(4), {
    means: "processes of the application behind Nginx",
    allowed: "a whole number from 1 to 32",
    example: "4",
    change: "starts or stops instances; Nginx reloads",
  }),
  firstPort: setting(port.default(3001), {
    means: "port of the first instance; the others follow, all on loopback",
    allowed: "a port from 1024 to 65535 that leaves room for all instances",
    example: "3001",
    change: "the instances restart; Nginx reloads",
  }),
  healthPath: setting(
    z
      .string()
      .regex(/^\/\S*$/)
      .default("/api/health"),
    {
      means: "path that answers 200 when the application and its stores work",
      allowed: "a path that begins with /",
      example: "/api/health",
      change: "monitors and probes ask the new path",
    },
  ),
  environment: setting(z.record(z.string().regex(/^[A-Z_][A-Z0-9_]*$/), z.string()).default({}), {
    means: "environment variables without secrets, added to those Bascule sets",
    allowed: "upper-case names with text values",
    example: "info",
    change: "the instances restart one after the other",
  }),
});

export const acme = z.strictObject({
  email: setting(z.email(), {
    means: "address the certificate authority writes to",
    allowed: "an e-mail address",
    example: "ops@example.com",
    change: "nothing until the next certificate",
  }),
  directory: setting(webAddress.default("https://acme-v02.api.letsencrypt.org/directory"), {
    means: "ACME directory of the certificate authority",
    allowed: "an https address",
    example: "https://acme-v02.api.letsencrypt.org/directory",
    change: "nothing until the next certificate",
  }),
  directoryCa: setting(pem.optional(), {
    means: "certificate that signs the directory's own TLS, where it is not publicly trusted",
    allowed: "a PEM certificate",
    example: '"$(cat ca.pem)"',
    change: "nothing until the next certificate",
  }),
  dnsApi: setting(webAddress.default("https://api.cloudflare.com/client/v4"), {
    means: "Cloudflare API as the server reaches it, for the DNS challenge",
    allowed: "an http or https address that ends in /client/v4",
    example: "https://api.cloudflare.com/client/v4",
    change: "nothing until the next certificate",
  }),
});

export const blue = z.strictObject({
  address: setting(ipv4, {
    means: "address of today's production, where traffic goes at weight 0",
    allowed: "an IPv4 address",
    example: "203.0.113.10",
    change: "traffic of blue's share goes to the new address",
  }),
});

export const traffic = z.strictObject({
  weight: setting(wholeNumber(0, 100), {
    means: "green's share of traffic, in percent",
    allowed: "a whole number from 0 (all on blue) to 100 (all on green)",
    example: "0",
    change: "traffic moves; this is the cutover, and back is the rollback",
  }),
  steering: setting(z.enum(["load-balancer", "record"]).default("load-balancer"), {
    means: "how the weight is carried: Cloudflare pools (any weight) or one A record (free plan, 0 or 100)",
    allowed: "load-balancer or record",
    example: "load-balancer",
    change: "replaces what answers for the domain: change it only at weight 0 and outside a move",
  }),
  ttl: setting(wholeNumber(60, 86400).default(60), {
    means: "seconds resolvers may keep the A record (steering record)",
    allowed: "a whole number of seconds from 60 to 86400",
    example: "60",
    change: "nothing until caches expire; lower it a day before the move",
  }),
  recordId: setting(
    z
      .string()
      .regex(/^[0-9a-f]{32}$/)
      .optional(),
    {
      means: "id of the A record that exists already and is taken over (steering record)",
      allowed: "32 hex digits, as shown by Cloudflare's API",
      example: "0123456789abcdef0123456789abcdef",
      change: "the record is adopted, and kept when the stack is destroyed",
    },
  ),
});

export const probe = z.strictObject({
  resolver: setting(ipv4.optional(), {
    means: "DNS server that bascule's own probes ask; the system's when absent",
    allowed: "an IPv4 address",
    example: "1.1.1.1",
    change: "nothing on the stack",
  }),
  caCertificate: setting(pem.optional(), {
    means: "certificate authority that bascule's own probes trust, where it is not a public one",
    allowed: "a PEM certificate",
    example: '"$(cat ca.pem)"',
    change: "nothing on the stack",
  }),
});
