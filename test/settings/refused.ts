import { secretDocs, settingSchemas } from "../../settings/schema.ts";
import { validSettings } from "./valid.ts";

/** Merges fields into one object setting of the valid stack file. */
export function changed(key: string, fields: Record<string, unknown>): Record<string, string> {
  const before: unknown = JSON.parse(validSettings[key] ?? "{}");
  return { ...validSettings, [key]: JSON.stringify({ ...Object(before), ...fields }) };
}

export function without(...keys: string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(validSettings).filter(([key]) => !keys.includes(key)));
}

function withoutField(key: string, field: string): Record<string, string> {
  return changed(key, { [field]: undefined });
}

const known = [...Object.keys(settingSchemas), ...Object.keys(secretDocs)].join(", ");

/** One thing wrong in an else valid stack file, and all that is said about it. */
export const refused: [name: string, map: Record<string, string>, lines: string[]][] = [
  [
    "a misspelt key",
    { ...validSettings, "bascule:domian": "shop.girlycrea.test" },
    [
      "bascule:domian: there is no such setting; did you mean bascule:domain? Remove it: pulumi config rm bascule:domian",
    ],
  ],
  [
    "a key unlike any other",
    { ...validSettings, "bascule:kubernetes": "yes" },
    [`bascule:kubernetes: there is no such setting; allowed: ${known}. Remove it: pulumi config rm bascule:kubernetes`],
  ],
  [
    "a misspelt field",
    changed("bascule:traffic", { wieght: 10 }),
    [
      "bascule:traffic.wieght: there is no such setting; did you mean bascule:traffic.weight? Remove it: pulumi config rm --path 'bascule:traffic.wieght'",
    ],
  ],
  [
    "weight 101",
    changed("bascule:traffic", { weight: 101 }),
    [
      "bascule:traffic.weight: got 101; allowed: a whole number from 0 (all on blue) to 100 (all on green). Set it: pulumi config set --path 'bascule:traffic.weight' 0",
    ],
  ],
  [
    "weight 12.5",
    changed("bascule:traffic", { weight: 12.5 }),
    [
      "bascule:traffic.weight: got 12.5; allowed: a whole number from 0 (all on blue) to 100 (all on green). Set it: pulumi config set --path 'bascule:traffic.weight' 0",
    ],
  ],
  [
    "a weight that is text",
    changed("bascule:traffic", { weight: "50" }),
    [
      "bascule:traffic.weight: got \"50\"; allowed: a whole number from 0 (all on blue) to 100 (all on green). Set it: pulumi config set --path 'bascule:traffic.weight' 0",
    ],
  ],
  [
    "weight 50 with steering record",
    changed("bascule:traffic", { weight: 50, steering: "record" }),
    [
      "bascule:traffic.weight: got 50 with steering record; allowed: 0 or 100, one A record cannot carry a share. Set it: pulumi config set --path 'bascule:traffic.weight' 100 or pulumi config set --path 'bascule:traffic.steering' load-balancer",
    ],
  ],
  [
    "a record to adopt with a load balancer",
    changed("bascule:traffic", { recordId: "0123456789abcdef0123456789abcdef" }),
    [
      'bascule:traffic.recordId: got "0123456789abcdef0123456789abcdef" with steering load-balancer; allowed: only with steering record. Remove it: pulumi config rm --path bascule:traffic.recordId',
    ],
  ],
  [
    "no domain",
    without("bascule:domain"),
    [
      "bascule:domain is missing (public name whose traffic is moved); allowed: a lower-case DNS name inside bascule:zone, such as shop.example.com. Set it: pulumi config set bascule:domain shop.example.com",
    ],
  ],
  [
    "the empty default of Pulumi.yaml",
    { ...validSettings, "bascule:domain": "" },
    [
      "bascule:domain is missing (public name whose traffic is moved); allowed: a lower-case DNS name inside bascule:zone, such as shop.example.com. Set it: pulumi config set bascule:domain shop.example.com",
    ],
  ],
  [
    "a domain of another zone",
    { ...validSettings, "bascule:domain": "shop.example.com" },
    [
      'bascule:domain: got "shop.example.com", which is not in the zone "girlycrea.test"; allowed: girlycrea.test or a name that ends in .girlycrea.test. Set it: pulumi config set bascule:domain www.girlycrea.test',
    ],
  ],
  [
    "a zone that only ends alike",
    { ...validSettings, "bascule:domain": "notgirlycrea.test" },
    [
      'bascule:domain: got "notgirlycrea.test", which is not in the zone "girlycrea.test"; allowed: girlycrea.test or a name that ends in .girlycrea.test. Set it: pulumi config set bascule:domain www.girlycrea.test',
    ],
  ],
  [
    "the server's own name as domain",
    { ...validSettings, "bascule:domain": "green.girlycrea.test" },
    [
      'bascule:domain: got "green.girlycrea.test", which is the server\'s own name; allowed: another name in girlycrea.test. Set it: pulumi config set bascule:domain www.girlycrea.test',
    ],
  ],
  [
    "a Node.js without security fixes",
    changed("bascule:app", { node: "20.19.5" }),
    [
      "bascule:app.node: got \"20.19.5\", which gets no security fixes any more; allowed: 22 and later. Set it: pulumi config set --path 'bascule:app.node' 24.21.0",
    ],
  ],
  [
    "half a version of Node.js",
    changed("bascule:app", { node: "24" }),
    [
      "bascule:app.node: got \"24\"; allowed: a whole version from 22 on whose npm package is installed here. Set it: pulumi config set --path 'bascule:app.node' 24.21.0",
    ],
  ],
  [
    "a hash of another kind",
    changed("bascule:app", { sha256: "abc" }),
    [
      "bascule:app.sha256: got \"abc\"; allowed: 64 hex digits (sha256sum of the artefact); left out: any. Set it: pulumi config set --path 'bascule:app.sha256' 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    ],
  ],
  [
    "an unknown runtime",
    changed("bascule:app", { runtime: "forever" }),
    [
      "bascule:app.runtime: got \"forever\"; allowed: systemd or pm2. Set it: pulumi config set --path 'bascule:app.runtime' systemd",
    ],
  ],
  [
    "less memory than Node itself takes",
    changed("bascule:app", { memoryMiB: 32 }),
    [
      "bascule:app.memoryMiB: got 32; allowed: a whole number of MiB from 64 (a Node that does nothing takes 60); look at what yours take: systemctl status 'shop@*'. Set it: pulumi config set --path 'bascule:app.memoryMiB' 160",
    ],
  ],
  [
    "an unknown way with migrations",
    changed("bascule:app", { migrations: "sometimes" }),
    [
      "bascule:app.migrations: got \"sometimes\"; allowed: apply, after-copy or off. Set it: pulumi config set --path 'bascule:app.migrations' after-copy",
    ],
  ],
  [
    "an unknown topology",
    { ...validSettings, "bascule:topology": "three-vps" },
    ['bascule:topology: got "three-vps"; allowed: single-vps. Set it: pulumi config set bascule:topology single-vps'],
  ],
  [
    "an invalid CIDR",
    changed("bascule:network", { cidr: "10.20.0.0/33" }),
    [
      "bascule:network.cidr: got \"10.20.0.0/33\"; allowed: an IPv4 range in CIDR form, such as 10.20.0.0/16. Set it: pulumi config set --path 'bascule:network.cidr' 10.20.0.0/16",
    ],
  ],
  [
    "a CIDR with bits behind the prefix",
    changed("bascule:network", { cidr: "10.20.3.4/16" }),
    [
      'bascule:network.cidr: got "10.20.3.4/16", which has bits set behind the prefix; allowed: "10.20.0.0/16". Set it: pulumi config set --path \'bascule:network.cidr\' 10.20.0.0/16',
    ],
  ],
  [
    "a subnet outside the network",
    changed("bascule:network", { subnet: "10.21.1.0/24" }),
    [
      'bascule:network.subnet: got "10.21.1.0/24", which is not inside bascule:network.cidr "10.20.0.0/16"; allowed: a part of it. Set it: pulumi config set --path \'bascule:network.subnet\' 10.20.0.0/24',
    ],
  ],
  [
    "SSH open to the world",
    changed("bascule:access", { adminCidrs: ["198.18.0.0/15", "0.0.0.0/0"] }),
    [
      "bascule:access.adminCidrs[1]: got \"0.0.0.0/0\", the whole internet; allowed: the ranges you work from. Set it: pulumi config set --path 'bascule:access.adminCidrs[1]' 203.0.113.7/32",
    ],
  ],
  [
    "SSH open to the world over IPv6",
    changed("bascule:access", { adminCidrs: ["::/0"] }),
    [
      "bascule:access.adminCidrs[0]: got \"::/0\", the whole internet; allowed: the ranges you work from. Set it: pulumi config set --path 'bascule:access.adminCidrs[0]' 203.0.113.7/32",
    ],
  ],
  [
    "an admin address without prefix",
    changed("bascule:access", { adminCidrs: ["203.0.113.7"] }),
    [
      "bascule:access.adminCidrs[0]: got \"203.0.113.7\"; allowed: a list of 1 to 50 ranges in CIDR form, never the whole internet. Set it: pulumi config set --path 'bascule:access.adminCidrs[0]' 203.0.113.7/32",
    ],
  ],
  [
    "no admin range at all",
    changed("bascule:access", { adminCidrs: [] }),
    [
      "bascule:access.adminCidrs: got []; allowed: a list of 1 to 50 ranges in CIDR form, never the whole internet. Set it: pulumi config set --path 'bascule:access.adminCidrs[0]' 203.0.113.7/32",
    ],
  ],
  [
    "only Cloudflare's proxies where visitors come straight",
    {
      ...changed("bascule:firewall", { publicFrom: "cloudflare" }),
      "bascule:traffic": '{"weight":0,"steering":"record"}',
    },
    [
      "bascule:firewall.publicFrom: got \"cloudflare\" with steering record, whose visitors come straight to the server; allowed: everywhere. Set it: pulumi config set --path 'bascule:firewall.publicFrom' everywhere or pulumi config set --path 'bascule:traffic.steering' load-balancer",
    ],
  ],
  [
    "visitors from nowhere",
    changed("bascule:firewall", { publicFrom: "nowhere" }),
    [
      "bascule:firewall.publicFrom: got \"nowhere\"; allowed: everywhere or cloudflare. Set it: pulumi config set --path 'bascule:firewall.publicFrom' everywhere",
    ],
  ],
  [
    "a proxy that is everybody",
    changed("bascule:firewall", { proxyCidrs: ["::/0"] }),
    [
      "bascule:firewall.proxyCidrs[0]: got \"::/0\", the whole internet; allowed: the ranges of your proxies. Set it: pulumi config set --path 'bascule:firewall.proxyCidrs[0]' 198.51.100.0/24",
    ],
  ],
  [
    "a further key without its kind",
    changed("bascule:access", { otherKeys: ["AAAAC3NzaC1lZDI1NTE5"] }),
    [
      'bascule:access.otherKeys[0]: got "AAAAC3NzaC1lZDI1NTE5"; allowed: a list of at most 20 lines as bascule:sshPublicKey. Set it: pulumi config set --path \'bascule:access.otherKeys[0]\' "$(cat next.pub)"',
    ],
  ],
  [
    "swap for more than a server has",
    changed("bascule:server", { swapMiB: 100_000 }),
    [
      "bascule:server.swapMiB: got 100000; allowed: a whole number from 0 (none) to 65536, far more than helps. Set it: pulumi config set --path 'bascule:server.swapMiB' 1024",
    ],
  ],
  [
    "a journal of no size",
    changed("bascule:server", { journalMiB: 0 }),
    [
      "bascule:server.journalMiB: got 0; allowed: a whole number from 64 (a day of a quiet server) to 16384. Set it: pulumi config set --path 'bascule:server.journalMiB' 1024",
    ],
  ],
  [
    "a reboot at no time of the day",
    changed("bascule:server", { rebootAt: "4:30" }),
    [
      "bascule:server.rebootAt: got \"4:30\"; allowed: a time of the day in UTC, such as 04:30. Set it: pulumi config set --path 'bascule:server.rebootAt' 04:30",
    ],
  ],
  [
    "root as the account",
    changed("bascule:access", { user: "root" }),
    [
      "bascule:access.user: got \"root\"; allowed: any other account, root cannot log in. Set it: pulumi config set --path 'bascule:access.user' deploy",
    ],
  ],
  [
    "PostgreSQL 15 on Debian 13",
    changed("bascule:postgres", { version: 15 }),
    [
      "bascule:postgres.version: got 15 with bascule:server.image debian-13, which ships 17; allowed: 17, or another image. Set it: pulumi config set --path 'bascule:postgres.version' 17",
    ],
  ],
  [
    "a PostgreSQL nobody ships",
    changed("bascule:postgres", { version: 14 }),
    [
      "bascule:postgres.version: got 14; allowed: 15 (with debian-12), 16 (with ubuntu-24.04) or 17 (with debian-13). Set it: pulumi config set --path 'bascule:postgres.version' 17",
    ],
  ],
  [
    "the superuser's name for the application",
    changed("bascule:postgres", { role: "postgres" }),
    [
      "bascule:postgres.role: got \"postgres\"; allowed: any other name, this one belongs to PostgreSQL or to Bascule. Set it: pulumi config set --path 'bascule:postgres.role' shop",
    ],
  ],
  [
    "a pool larger than the server",
    { ...validSettings, "bascule:pgbouncer": '{"poolSize":95}' },
    [
      "bascule:pgbouncer.poolSize: got 95, which takes 131 connections (pool 95, reserve 24, lookups 2, operator 10), with bascule:postgres.maxConnections 100; allowed: at most 70, or more connections. Set it: pulumi config set --path 'bascule:pgbouncer.poolSize' 20 or pulumi config set --path 'bascule:postgres.maxConnections' 131",
    ],
  ],
  [
    "fewer clients than connections",
    { ...validSettings, "bascule:pgbouncer": '{"poolSize":40,"maxClientConnections":30}' },
    [
      "bascule:pgbouncer.maxClientConnections: got 30 with bascule:pgbouncer.poolSize 40; allowed: at least as many clients as connections. Set it: pulumi config set --path 'bascule:pgbouncer.maxClientConnections' 1000",
    ],
  ],
  [
    "prepared statements on Debian 12",
    {
      ...changed("bascule:postgres", { version: 15 }),
      "bascule:server": '{"type":"cx33","location":"fsn1","image":"debian-12"}',
      "bascule:pgbouncer": '{"preparedStatements":true}',
    },
    [
      "bascule:pgbouncer.preparedStatements: got true with bascule:server.image debian-12, whose PgBouncer 1.18 loses them between transactions; allowed: false there, true with debian-13 and ubuntu-24.04. Set it: pulumi config set --path 'bascule:pgbouncer.preparedStatements' false",
    ],
  ],
  [
    "memory for a queue that is not there",
    { ...validSettings, "bascule:redis": '{"queueMaxmemoryMiB":64}' },
    [
      "bascule:redis.queueMaxmemoryMiB: got 64 without a queue; allowed: only with bascule:redis.queue true. Set it: pulumi config set --path 'bascule:redis.queue' true",
    ],
  ],
  [
    "a restart window that never opens",
    changed("bascule:postgres", { restartWindow: "02:00-02:00" }),
    [
      "bascule:postgres.restartWindow: got \"02:00-02:00\", which is over as it begins; allowed: two different times, such as 02:00-04:00. Set it: pulumi config set --path 'bascule:postgres.restartWindow' 02:00-04:00",
    ],
  ],
  [
    "a restart window in words",
    changed("bascule:postgres", { restartWindow: "at night" }),
    [
      "bascule:postgres.restartWindow: got \"at night\"; allowed: two times of the day in UTC, HH:MM-HH:MM. Set it: pulumi config set --path 'bascule:postgres.restartWindow' 02:00-04:00",
    ],
  ],
  [
    "instances on PgBouncer's port",
    changed("bascule:app", { firstPort: 6430 }),
    [
      "bascule:app.firstPort: got 6430 with 4 instances, ports 6430 to 6433, but port 6432 belongs to PgBouncer; allowed: a range that is free. Set it: pulumi config set --path 'bascule:app.firstPort' 3001",
    ],
  ],
  [
    "instances past the last port",
    changed("bascule:app", { firstPort: 65533 }),
    [
      "bascule:app.firstPort: got 65533 with 4 instances, ports 65533 to 65536, but ports end at 65535; allowed: a range that is free. Set it: pulumi config set --path 'bascule:app.firstPort' 3001",
    ],
  ],
  [
    "a variable that Bascule sets",
    changed("bascule:app", { environment: { PORT: "80" } }),
    [
      "bascule:app.environment.PORT: Bascule sets this variable itself; allowed: any name but DATABASE_URL, REDIS_URL, QUEUE_URL, PORT, SHOP_SIDE, NODE_ENV. Remove it: pulumi config rm --path bascule:app.environment.PORT",
    ],
  ],
  [
    "a variable that is a number",
    changed("bascule:app", { environment: { WORKERS: 4 } }),
    [
      "bascule:app.environment.WORKERS: got 4; allowed: upper-case names with text values. Set it: pulumi config set --path 'bascule:app.environment.WORKERS' info",
    ],
  ],
  [
    "no public key",
    without("bascule:sshPublicKey"),
    [
      "bascule:sshPublicKey is missing (public half of the key that deploys); allowed: one line that begins with ssh-ed25519 (or ssh-rsa, ecdsa-sha2-...). Set it: ssh-keygen -t ed25519 -N '' -f bascule_ed25519, then pulumi config set bascule:sshPublicKey \"$(cat bascule_ed25519.pub)\"",
    ],
  ],
  [
    "no private key",
    without("bascule:sshPrivateKey"),
    [
      "bascule:sshPrivateKey is missing (private half of the key that deploys, in OpenSSH form, without a passphrase); allowed: the text of a private key file. Set it: pulumi config set --secret bascule:sshPrivateKey < bascule_ed25519",
    ],
  ],
  [
    "no token for certificates",
    without("bascule:acmeDnsToken"),
    [
      "bascule:acmeDnsToken is missing (Cloudflare token the server uses for the DNS challenge; give it Zone.DNS:Edit on the one zone and nothing else); allowed: a Cloudflare API token. Set it: pulumi config set --secret bascule:acmeDnsToken < token.txt",
    ],
  ],
  [
    "no address of blue",
    without("bascule:blue"),
    [
      "bascule:blue.address is missing (address of today's production, where traffic goes at weight 0); allowed: an IPv4 address. Set it: pulumi config set --path 'bascule:blue.address' 203.0.113.10",
    ],
  ],
  [
    "one field missing",
    withoutField("bascule:server", "type"),
    [
      "bascule:server.type is missing (Hetzner server type; decides cores and memory); allowed: a type of hcloud server-type list, such as cx33. Set it: pulumi config set --path 'bascule:server.type' cx33",
    ],
  ],
  [
    "text where an object belongs",
    { ...validSettings, "bascule:traffic": "50" },
    [
      "bascule:traffic: got \"50\"; allowed: an object. Set its fields: pulumi config set --path 'bascule:traffic.FIELD' VALUE",
    ],
  ],
  [
    "traffic to a closed site",
    { ...changed("bascule:nginx", { serve: false }), "bascule:traffic": '{"weight":10}' },
    [
      "bascule:nginx.serve: got false with bascule:traffic.weight 10; allowed: true while green has traffic. Set it: pulumi config set --path 'bascule:nginx.serve' true",
    ],
  ],
  [
    "a health check that is hidden",
    changed("bascule:nginx", { privatePaths: ["/api/health"] }),
    [
      "bascule:nginx.privatePaths: got \"/api/health\", which is bascule:app.healthPath; allowed: other paths. Set it: pulumi config set --path 'bascule:nginx.privatePaths[0]' /metrics",
    ],
  ],
  [
    "an unknown mode of the web server",
    changed("bascule:nginx", { mode: "readonly" }),
    [
      "bascule:nginx.mode: got \"readonly\"; allowed: normal, read-only or maintenance. Set it: pulumi config set --path 'bascule:nginx.mode' maintenance",
    ],
  ],
  [
    "a limit nobody passes",
    changed("bascule:nginx", { requestsPerSecond: 0 }),
    [
      "bascule:nginx.requestsPerSecond: got 0; allowed: a whole number from 1 to 100000. Set it: pulumi config set --path 'bascule:nginx.requestsPerSecond' 100",
    ],
  ],
  [
    "a private path without a slash",
    changed("bascule:nginx", { privatePaths: ["metrics"] }),
    [
      "bascule:nginx.privatePaths[0]: got \"metrics\"; allowed: a list of at most 50 paths that begin with /, such as /metrics. Set it: pulumi config set --path 'bascule:nginx.privatePaths[0]' /metrics",
    ],
  ],
  [
    "an HTTP cache without memory",
    changed("bascule:varnish", { enabled: true, memoryMiB: 0 }),
    [
      "bascule:varnish.memoryMiB: got 0; allowed: a whole number of MiB from 16 to 65536. Set it: pulumi config set --path 'bascule:varnish.memoryMiB' 128",
    ],
  ],
  [
    "an artefact by absolute path",
    changed("bascule:app", { artefact: "/srv/shop.tar.gz" }),
    [
      "bascule:app.artefact: got \"/srv/shop.tar.gz\"; allowed: a relative path that ends in .tar.gz. Set it: pulumi config set --path 'bascule:app.artefact' examples/girlycrea/app/dist/shop.tar.gz",
    ],
  ],
];
