import { changed, type Refused, without, withoutField } from "./changed.ts";
import { validSettings } from "./valid.ts";

/** Of what runs on the server, and of what is missing. */
export const refusedOfServices: Refused[] = [
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
      "bascule:acmeDnsToken is missing (Cloudflare token the server uses for the DNS challenge; give it Zone.DNS:Edit on the one zone and nothing else); allowed: a Cloudflare API token, 20 characters or more. Set it: pulumi config set --secret bascule:acmeDnsToken < token.txt",
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
    "a move by replication without blue's database",
    { ...changed("bascule:app", { migrations: "off" }), "bascule:data": '{"move":"replication"}' },
    [
      "bascule:blueDatabaseUrl is missing (blue's database as green reaches it; read by bascule copy, and by the mover with bascule:data.move replication); allowed: a postgresql:// address; with ?sslmode=verify-full at its end the certificate is verified, with require (the default) it is only encrypted. Set it: pulumi config set --secret bascule:blueDatabaseUrl < blue-url.txt, or pulumi config set --path 'bascule:data.move' copy",
    ],
  ],
  [
    "a way for data that there is not",
    changed("bascule:data", { move: "rsync" }),
    [
      "bascule:data.move: got \"rsync\"; allowed: copy or replication; replication needs bascule:blueDatabaseUrl, of a role as docs/data.md describes it. Set it: pulumi config set --path 'bascule:data.move' replication",
    ],
  ],
  [
    "a freeze that is longer than clients wait",
    changed("bascule:data", { freezeBudgetSeconds: 30 }),
    [
      "bascule:data.freezeBudgetSeconds: got 30; allowed: a whole number from 2 to 25; PgBouncer drops clients that wait for 30. Set it: pulumi config set --path 'bascule:data.freezeBudgetSeconds' 15",
    ],
  ],
  [
    "a wait for a way back that there is not",
    changed("bascule:data", { wayBack: "synchronous" }),
    [
      "bascule:data.wayBack: got \"synchronous\" with bascule:data.move copy, which has no way back; allowed: only with bascule:data.move replication. Set it: pulumi config set --path 'bascule:data.move' replication or pulumi config set --path 'bascule:data.wayBack' asynchronous",
    ],
  ],
  [
    "migrations of green alone while data moves by replication",
    { ...changed("bascule:data", { move: "replication" }), "bascule:blueDatabaseUrl": "[secret]" },
    [
      "bascule:app.migrations: got \"apply\" with bascule:data.move replication, which would change green's tables and not blue's; allowed: after-copy or off. Set it: pulumi config set --path 'bascule:app.migrations' after-copy",
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
