import { isIPv4 } from "node:net";
import { z } from "zod";
import { parseCidr } from "./cidr.ts";

/** What one setting means to the operator; messages, docs/settings.md and Pulumi.yaml all take their words from here. */
export interface SettingDoc {
  /** What the value is for, with its unit. */
  means: string;
  /** What a good value looks like, as the end of the sentence "allowed: ...". */
  allowed: string;
  /** A value the operator could type, as text on a command line. */
  example: string;
  /** What changing it on a running stack does: nothing, reload, restart, replacement, data loss. */
  change: string;
}

/** Documentation by schema; a registry and not a parallel table, so that a setting cannot exist without its words. */
export const settingDocs = z.registry<SettingDoc>();

/**
 * Attaches the words to a copy of the schema, as leaves such as `hostname` serve several settings. Call it last: wrapping a
 * schema afterwards (`.default`) would lose them.
 */
export function setting<T extends z.ZodType>(schema: T, doc: SettingDoc): T {
  const own = schema.clone();
  settingDocs.add(own, doc);
  return own;
}

const LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?";

/** A full DNS name in lower case, at least two labels. */
export const hostname = z
  .string()
  .max(253)
  .regex(new RegExp(`^(${LABEL}\\.)+${LABEL}$`));

/** An IPv4 address. */
export const ipv4 = z.string().refine(isIPv4);

/** A TCP port that needs no privilege. */
export const port = z.int().min(1024).max(65535);

/** A name PostgreSQL and a shell both take unquoted. */
export const identifier = z.string().regex(/^[a-z_][a-z0-9_]{0,62}$/);

/** A Debian account or unit name. */
export const unixName = z.string().regex(/^[a-z][a-z0-9-]{0,30}$/);

export const wholeNumber = (min: number, max: number) => z.int().min(min).max(max);

/** `HH:MM`, from 00:00 to 23:59. */
export const timeOfDay = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/);

/** A public key in OpenSSH's form, one line. */
export const publicKey = z.string().regex(/^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp\d+) [A-Za-z0-9+/=]+( .*)?$/);

/** One PEM certificate or several. */
export const pem = z.string().regex(/-----BEGIN CERTIFICATE-----[\s\S]+-----END CERTIFICATE-----/);

export const webAddress = z.string().regex(/^https?:\/\/[^\s/]+(\/\S*)?$/);

/** A range of addresses of either family, such as 203.0.113.0/24. */
export const cidr = z.string().refine((text) => parseCidr(text) !== undefined);

export const ipv4Cidr = z.string().refine((text) => parseCidr(text)?.family === "ipv4");
