import { z } from "zod";
import { hostname, setting, wholeNumber } from "../leaves.ts";

const DOMAIN = "(?:[A-Za-z0-9_%{}-]+\\.)+[A-Za-z0-9%{}-]+";
const PREFIX = "(?:/\\d{1,3}){0,2}";
/** RFC 7208; `ptr` is left out because it says itself that it should not be used. */
const SPF_TERM = new RegExp(
  `^(?:[+?~-]?(?:all|(?:a|mx)(?::${DOMAIN})?${PREFIX}|(?:include|exists):${DOMAIN}|ip4:[\\d.]+(?:/\\d{1,2})?|ip6:[\\da-fA-F:.]+(?:/\\d{1,3})?)|redirect=${DOMAIN})$`,
);
/** An issuer, and RFC 8657's parameters behind it. */
const ISSUER = /^(?:[a-z0-9-]+\.)+[a-z]+(?:; ?[a-z]+=[^\s;"]+)*$/;

/** As in a zone file: priority and host, or the null MX of RFC 7505. */
const mailHost = z
  .string()
  .regex(/^(0 \.|\d{1,5} ([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)$/)
  .transform((text) => {
    const [priority = "", host = ""] = text.split(" ");
    return { priority: Number(priority), host };
  })
  .refine(({ priority }) => priority <= 65535);

const dmarc = z
  .strictObject({
    policy: setting(z.enum(["none", "quarantine", "reject"]).optional(), {
      means: "what receivers do with mail that is not proven to be yours; without it there is no DMARC record",
      allowed: "none (only report), quarantine or reject (both need spf and dkim)",
      example: "none",
      change: "resolvers keep the old record for up to an hour; quarantine and reject cost mail that is not signed",
    }),
    subdomainPolicy: setting(z.enum(["none", "quarantine", "reject"]).optional(), {
      means: "the same for names below the zone; as policy when absent",
      allowed: "none, quarantine or reject",
      example: "reject",
      change: "resolvers keep the old record for up to an hour",
    }),
    percent: setting(wholeNumber(0, 100).default(100), {
      means: "share of failing mail the policy is used on, in percent",
      allowed: "a whole number from 0 to 100",
      example: "100",
      change: "resolvers keep the old record for up to an hour",
    }),
    reportsTo: setting(z.array(z.email()).default([]), {
      means: "addresses that get the daily reports",
      allowed: "a list of e-mail addresses",
      example: "dmarc@example.com",
      change: "reports go elsewhere from the next day on",
    }),
    authorisedBy: setting(z.array(hostname).default([]), {
      means:
        "other domains whose zone says that they take this zone's reports (TXT v=DMARC1 at ZONE._report._dmarc.DOMAIN)",
      allowed: "a list of DNS names",
      example: "reports.example.net",
      change: "nothing; it notes what you made sure of",
    }),
    dkimAlignment: setting(z.enum(["relaxed", "strict"]).default("relaxed"), {
      means: "whether the signing domain may be a name below the zone",
      allowed: "relaxed (it may) or strict",
      example: "relaxed",
      change: "resolvers keep the old record for up to an hour",
    }),
    spfAlignment: setting(z.enum(["relaxed", "strict"]).default("relaxed"), {
      means: "whether the envelope's domain may be a name below the zone",
      allowed: "relaxed (it may) or strict",
      example: "relaxed",
      change: "resolvers keep the old record for up to an hour",
    }),
  })
  .prefault({});

export const mail = z.strictObject({
  mx: setting(z.array(mailHost).default([]), {
    means: "hosts that take the zone's mail, the lowest priority first; none: no MX records",
    allowed:
      'a list of a priority (0 to 65535) and a host each, as "10 mx.example.net"; "0 ." alone says that the zone takes no mail',
    example: '"10 mx.example.net"',
    change: "new mail goes to the new hosts, within an hour; both should take it meanwhile",
  }),
  spf: setting(z.array(z.string().regex(SPF_TERM)).default([]), {
    means: "who may send mail as the zone, in SPF's terms, the last of them about all others; none: no SPF record",
    allowed: "a list of SPF terms (mx, a, ip4:, ip6:, include:, exists:, redirect=, -all or ~all), without v=spf1",
    example: "-- -all",
    change: "mail of a sender that is left out counts as forged within an hour",
  }),
  dkim: setting(z.record(z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/), z.string()).default({}), {
    means: "public keys that sign the zone's mail, by selector",
    allowed:
      "selectors of lower-case letters, digits and -, each with the base64 of an RSA key of at least 2048 bits or an Ed25519 key",
    example: '"$(openssl pkey -in dkim.pem -pubout -outform der | base64 -w0)"',
    change: "mail signed with a key that is left out counts as unsigned: keep the old selector for some days",
  }),
  dmarc,
  caa: setting(z.array(z.string().regex(ISSUER)).default([]), {
    means: "certificate authorities that may issue for the zone and all names in it; none: any may",
    allowed: "a list of authorities' names such as letsencrypt.org, among them the one of bascule:acme.directory",
    example: "letsencrypt.org",
    change: "an authority that is left out refuses the next certificate, also for services elsewhere in the zone",
  }),
});
