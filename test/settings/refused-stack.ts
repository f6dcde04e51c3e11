import { changed, known, type Refused, without } from "./changed.ts";
import { validSettings } from "./valid.ts";

/** Of the stack as a whole: keys, domain, traffic, network, access, server. */
export const refusedOfStack: Refused[] = [
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
];
