import { z } from "zod";
import { hostname, publicKey, type SettingDoc, setting } from "./leaves.ts";
import { access } from "./objects/access.ts";
import { acme } from "./objects/acme.ts";
import { app } from "./objects/app.ts";
import { blue } from "./objects/blue.ts";
import { data } from "./objects/data.ts";
import { firewall } from "./objects/firewall.ts";
import { mail } from "./objects/mail.ts";
import { network } from "./objects/network.ts";
import { nginx } from "./objects/nginx.ts";
import { pgbouncer } from "./objects/pgbouncer.ts";
import { postgres } from "./objects/postgres.ts";
import { probe } from "./objects/probe.ts";
import { redis } from "./objects/redis.ts";
import { server } from "./objects/server.ts";
import { traffic } from "./objects/traffic.ts";
import { varnish } from "./objects/varnish.ts";

/*
 * Every key of the `bascule:` namespace. The words of a setting (meaning, unit, what a change costs) stand in `setting(...)`
 * and nowhere else: the messages of parse.ts, docs/settings.md and the descriptions in Pulumi.yaml are taken from them.
 */

/** Schema by key. Object settings are JSON text in Pulumi's configuration, the others plain text. */
export const settingSchemas = {
  topology: setting(z.enum(["single-vps"]), {
    means: "which servers are built",
    allowed: "single-vps",
    example: "single-vps",
    change: "builds another set of servers",
  }),
  domain: setting(hostname, {
    means: "public name whose traffic is moved",
    allowed: "a lower-case DNS name inside bascule:zone, such as shop.example.com",
    example: "shop.example.com",
    change: "new certificate and new traffic resources; the old name is no longer answered",
  }),
  zone: setting(hostname, {
    means: "Cloudflare zone the domain belongs to; it must exist",
    allowed: "a lower-case DNS name, such as example.com",
    example: "example.com",
    change: "all DNS and traffic resources are replaced",
  }),
  sshPublicKey: setting(publicKey, {
    means: "public half of the key that deploys",
    allowed: "one line that begins with ssh-ed25519 (or ssh-rsa, ecdsa-sha2-...)",
    example: '"$(cat bascule_ed25519.pub)"',
    change:
      "the old key is let in no longer. First let the new one in beside it (bascule:access.otherKeys, pulumi up), then set both halves",
  }),
  server,
  network,
  access,
  firewall: firewall.prefault({}),
  postgres,
  pgbouncer: pgbouncer.prefault({}),
  redis: redis.prefault({}),
  app,
  nginx: nginx.prefault({}),
  varnish: varnish.prefault({}),
  acme,
  blue,
  data: data.prefault({}),
  traffic,
  mail: mail.prefault({}),
  probe: probe.prefault({}),
};

/** Words of the secret keys. Their values never enter `Settings`: load.ts hands them on as secret Outputs. */
export const secretDocs: Record<SecretKey, SettingDoc & { required: boolean }> = {
  sshPrivateKey: {
    means: "private half of the key that deploys, in OpenSSH form, without a passphrase",
    allowed: "the text of a private key file",
    example: "bascule_ed25519",
    change: "nothing on the server",
    required: true,
  },
  acmeDnsToken: {
    means:
      "Cloudflare token the server uses for the DNS challenge; give it Zone.DNS:Edit on the one zone and nothing else",
    allowed: "a Cloudflare API token, 20 characters or more",
    example: "token.txt",
    change: "the token file on the server is replaced",
    required: true,
  },
  appSecrets: {
    means: "environment variables of the application that are secret, as JSON",
    allowed:
      "a JSON object of upper-case names with texts of 12 characters or more, as shorter ones are found by trying; what is no secret belongs in bascule:app.environment",
    example: "secrets.json",
    change: "the instances restart one after the other",
    required: false,
  },
  blueDatabaseUrl: {
    means:
      "blue's database as green reaches it; read by bascule copy, and by the mover with bascule:data.move replication",
    allowed:
      "a postgresql:// address; with ?sslmode=verify-full at its end the certificate is verified, with require (the default) it is only encrypted",
    example: "blue-url.txt",
    change:
      "nothing on the stack with bascule:data.move copy; with replication PgBouncer reloads and the mover restarts",
    required: false,
  },
  blueRedisUrl: {
    means: "blue's Redis or Valkey as green reaches it, with bascule:redis.move; of a user of the move's own",
    allowed:
      "a rediss:// or redis:// address with user and password, such as rediss://bascule:...@cache.example.com:6379",
    example: "blue-redis-url.txt",
    change: "the mover and the relay restart; the application connects to its keys anew",
    required: false,
  },
};

export type SecretKey = "sshPrivateKey" | "acmeDnsToken" | "appSecrets" | "blueDatabaseUrl" | "blueRedisUrl";

/** Everything the stack file says, checked, with defaults filled in and without secrets. */
export type Settings = { [K in keyof typeof settingSchemas]: z.output<(typeof settingSchemas)[K]> };
