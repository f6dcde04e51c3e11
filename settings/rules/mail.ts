import { isIPv4 } from "node:net";
import { readDkimKey } from "../dkim-key.ts";
import { type SettingProblem, setCommand } from "../problems.ts";
import type { Settings } from "../schema.ts";
import { problem, type Rule } from "./rule.ts";

type Mail = Settings["mail"];

/** RFC 7208, 4.6.4: receivers stop there and the whole record fails. */
const MOST_LOOKUPS = 10;
const removal = (path: string) => `Remove it: pulumi config rm --path '${path}'`;

/** Every term that makes a receiver ask once more; what an included record asks is not known here and counts, too. */
const asks = (term: string) => /^[+?~-]?(include|exists|redirect|a|mx)([:=/]|$)/.test(term);
const isAll = (term: string) => /^[+?~-]?all$/.test(term);

const spfTerms: Rule = ({ mail }) => {
  if (!mail || mail.spf.length === 0) return [];
  const path = "bascule:mail.spf";
  const last = mail.spf.length - 1;
  const problems: SettingProblem[] = [];
  const lookups = mail.spf.filter(asks).length;
  if (lookups > MOST_LOOKUPS) {
    problems.push(
      problem(
        path,
        `got ${lookups} terms that make a receiver look up DNS; allowed: at most ${MOST_LOOKUPS}, counting those inside what is included, or receivers take the whole record for broken. Write addresses instead: ${setCommand(`${path}[0]`, "ip4:203.0.113.0/24")}`,
      ),
    );
  }
  mail.spf.forEach((term, index) => {
    if (!isAll(term)) return;
    const here = `${path}[${index}]`;
    if (/^\+?all$/.test(term)) {
      problems.push(
        problem(
          here,
          `got "${term}", which lets everybody send as you; allowed: -all or ~all. Set it: ${setCommand(here, "-- -all")}`,
        ),
      );
    } else if (index < last) {
      problems.push(
        problem(here, `got "${term}" before other terms, which nobody reads then; allowed: last. ${removal(here)}`),
      );
    }
  });
  const redirects = mail.spf.filter((term) => term.startsWith("redirect=")).length;
  const alls = mail.spf.filter(isAll).length;
  if (redirects + alls === 0) {
    problems.push(
      problem(
        path,
        `says nothing about all other senders; allowed: a list that ends in -all or ~all. Set it: ${setCommand(`${path}[${last + 1}]`, "-- -all")}`,
      ),
    );
  }
  if (redirects > 1 || (redirects === 1 && alls > 0)) {
    problems.push(
      problem(
        path,
        `has ${redirects} redirect= and ${alls} all; allowed: one of them, once: with all, receivers never follow a redirect`,
      ),
    );
  }
  return problems;
};

const mailHosts: Rule = ({ mail, domain, zone }) => {
  const hosts = mail?.mx ?? [];
  return hosts.flatMap(({ host }, index) => {
    const path = `bascule:mail.mx[${index}]`;
    const remedy = `Set it: ${setCommand(path, '"10 mx.example.net"')}`;
    if (host === "." && hosts.length > 1)
      return [
        problem(path, `got "0 ." beside other hosts; allowed: alone, it says that nobody takes mail. ${removal(path)}`),
      ];
    if (isIPv4(host)) return [problem(path, `got the address ${host}; allowed: a name with an A record. ${remedy}`)];
    if (hosts.findIndex((other) => other.host === host) < index)
      return [problem(path, `got ${host} a second time; allowed: every host once. ${removal(path)}`)];
    if (host === domain || (zone && host === `green.${zone}`))
      return [
        problem(
          path,
          `got ${host}, which answers for the website: Cloudflare's proxy and the server's firewall let no mail through; allowed: a host that takes mail. ${remedy}`,
        ),
      ];
    return [];
  });
};

const dkimKeys: Rule = ({ mail }) =>
  Object.entries(mail?.dkim ?? {}).flatMap(([selector, text]) => {
    const key = readDkimKey(text);
    const path = `bascule:mail.dkim.${selector}`;
    // The text is not shown: it may be the private half.
    return "unusable" in key
      ? [
          problem(
            path,
            `got a key which is ${key.unusable}; allowed: the base64 of an RSA key of at least 2048 bits or of an Ed25519 key. Set it: ${setCommand(path, '"$(openssl pkey -in dkim.pem -pubout -outform der | base64 -w0)"')}`,
          ),
        ]
      : [];
  });

/** A zone that says nobody sends for it needs no key: everything that claims to be from it is forged. */
const sendsNothing = ({ spf }: Mail) => spf.length === 1 && spf[0] === "-all";

const dmarcIsProvable: Rule = ({ mail }) => {
  const policy = mail?.dmarc.policy;
  if (!mail || policy === undefined || policy === "none") return [];
  const missing = [
    ...(mail.spf.length === 0 ? ["bascule:mail.spf"] : []),
    ...(Object.keys(mail.dkim).length === 0 && !sendsNothing(mail) ? ["bascule:mail.dkim"] : []),
  ];
  const path = "bascule:mail.dmarc.policy";
  return missing.length > 0
    ? [
        problem(
          path,
          `got "${policy}" without ${missing.join(" and ")}, so that your own mail would be thrown away; allowed: none, until both are set. Set it: ${setCommand(path, "none")}`,
        ),
      ]
    : [];
};

const dmarcHasPolicy: Rule = ({ mail }) => {
  if (!mail || mail.dmarc.policy !== undefined) return [];
  const { subdomainPolicy, percent, reportsTo, dkimAlignment, spfAlignment } = mail.dmarc;
  const said = [
    ...(subdomainPolicy ? ["subdomainPolicy"] : []),
    ...(percent < 100 ? ["percent"] : []),
    ...(reportsTo.length > 0 ? ["reportsTo"] : []),
    ...(dkimAlignment === "strict" ? ["dkimAlignment"] : []),
    ...(spfAlignment === "strict" ? ["spfAlignment"] : []),
  ];
  const path = "bascule:mail.dmarc.policy";
  return said.length > 0
    ? [
        problem(
          path,
          `is missing, so that ${said.join(", ")} would have no effect. Set it: ${setCommand(path, "none")}`,
        ),
      ]
    : [];
};

const reportsAreTaken: Rule = ({ mail, zone }) => {
  if (!mail || !zone) return [];
  const { reportsTo, authorisedBy } = mail.dmarc;
  const within = (domain: string) =>
    [zone, ...authorisedBy].some((own) => domain === own || domain.endsWith(`.${own}`));
  return reportsTo.flatMap((address, index) => {
    const domain = address.slice(address.lastIndexOf("@") + 1).toLowerCase();
    const path = `bascule:mail.dmarc.reportsTo[${index}]`;
    return within(domain)
      ? []
      : [
          problem(
            path,
            `got "${address}" outside of ${zone}; allowed: a domain that says it takes your reports, or receivers send none: let its owner publish TXT "v=DMARC1" at ${zone}._report._dmarc.${domain}, then note it: ${setCommand("bascule:mail.dmarc.authorisedBy[0]", domain)}`,
          ),
        ];
  });
};

/** Names the authorities go by in CAA records, by the host of their ACME directory. */
const AUTHORITIES: readonly (readonly [directory: RegExp, issuer: string])[] = [
  [/(^|\.)letsencrypt\.org$/, "letsencrypt.org"],
  [/(^|\.)pki\.goog$/, "pki.goog"],
  [/(^|\.)(zerossl|sectigo)\.com$/, "sectigo.com"],
  [/(^|\.)digicert\.com$/, "digicert.com"],
  [/(^|\.)ssl\.com$/, "ssl.com"],
];

const caaAllowsOwn: Rule = ({ mail, acme }) => {
  if (!mail || !acme || mail.caa.length === 0) return [];
  const host = new URL(acme.directory).hostname;
  const own = acme.caaIssuer ?? AUTHORITIES.find(([directory]) => directory.test(host))?.[1];
  if (!own) {
    const path = "bascule:acme.caaIssuer";
    return [
      problem(
        path,
        `is missing: bascule:mail.caa is set, and nobody here knows what name ${host} goes by in CAA records. Set it: ${setCommand(path, "letsencrypt.org")}`,
      ),
    ];
  }
  const path = `bascule:mail.caa[${mail.caa.length}]`;
  const entries = mail.caa.map((entry) => entry.split(/; ?/)).filter(([issuer]) => issuer === own);
  if (entries.length === 0)
    return [
      problem(
        "bascule:mail.caa",
        `got ${mail.caa.join(", ")}, which forbids the server's own certificate: ${host} issues as ${own}; allowed: a list with it. Set it: ${setCommand(path, own)}`,
      ),
    ];
  const methods = entries.map((entry) =>
    entry
      .find((part) => part.startsWith("validationmethods="))
      ?.slice(18)
      .split(","),
  );
  return methods.some((allowed) => allowed === undefined || allowed.includes("dns-01"))
    ? []
    : [
        problem(
          "bascule:mail.caa",
          `allows ${own} only validationmethods other than dns-01, by which the server gets its certificate; allowed: ${own} without them. Set it: ${setCommand(path, own)}`,
        ),
      ];
};

export const mailRules: readonly Rule[] = [
  spfTerms,
  mailHosts,
  dkimKeys,
  dmarcHasPolicy,
  dmarcIsProvable,
  reportsAreTaken,
  caaAllowsOwn,
];
