import type { Bundle, BundleFile } from "../bundle.ts";
import type { Image } from "../image.ts";
import { packagesFor } from "../packages.ts";
import { sandbox } from "../sandbox.ts";
import { SpecCheck } from "../spec.ts";
import { ini, template } from "../text.ts";

export interface TlsSpec {
  /** The first one names the folder; all are in the certificate. */
  domains: string[];
  /** Of the ACME account. */
  email: string;
  /** URL of the ACME directory. Changing it fetches a new certificate. */
  directory: string;
  /** PEM of the authority that signed the directory's own certificate, where that is a private one. */
  directoryCa?: string;
  /** Base URL of the Cloudflare API. */
  dnsApi: string;
  /** May edit the zone's records. */
  dnsToken: string;
  zone: string;
  /** Pause between setting the record and asking for the check. @default 10 for Cloudflare itself, else 0 */
  dnsWaitSeconds?: number;
  image: Image;
}

/** Where the certificate of these domains is kept. */
export function certificatePaths(domain: string): { chain: string; key: string } {
  return { chain: `/etc/bascule/tls/${domain}/fullchain.pem`, key: `/etc/bascule/tls/${domain}/key.pem` };
}

const scripts = "/usr/local/lib/bascule/tls";
const cloudflare = "https://api.cloudflare.com/client/v4";

/** A certificate by ACME DNS-01, so that it is valid before the name points here; a timer renews it. */
export function renderTls(spec: TlsSpec): Bundle {
  const domain = refuseBadSpec(spec);
  const { chain, key } = certificatePaths(domain);
  const files: BundleFile[] = [
    { path: "/etc/bascule/tls/request.json", content: request(spec), mode: "0600" },
    { path: "/etc/bascule/tls/dns-token", content: spec.dnsToken, mode: "0600", secret: true },
    { path: `${scripts}/obtain`, content: template(new URL("./obtain.py", import.meta.url)), mode: "0755" },
    { path: `${scripts}/dns-hook`, content: template(new URL("./dns-hook.py", import.meta.url)), mode: "0755" },
    { path: "/etc/systemd/system/bascule-tls.service", content: renewalService() },
    { path: "/etc/systemd/system/bascule-tls.timer", content: renewalTimer() },
  ];
  if (spec.directoryCa !== undefined)
    files.push({ path: "/etc/bascule/tls/directory-ca.pem", content: spec.directoryCa });
  return {
    service: "tls",
    packages: packagesFor(spec.image, ["tls"]),
    files,
    validate: [
      { name: "read request", argv: [`{staged}${scripts}/obtain`, "--check", "{staged}/etc/bascule/tls"], timeout: 10 },
    ],
    prepare: [{ name: "obtain certificate", argv: [`${scripts}/obtain`], timeout: 240 }],
    units: [{ name: "bascule-tls.timer", onChange: "restart", watches: ["/etc/systemd/system/bascule-tls.timer"] }],
    probes: [
      { name: "certificate", argv: ["openssl", "x509", "-in", chain, "-noout", "-checkend", "3600"], timeout: 10 },
      { name: "key", argv: ["openssl", "pkey", "-in", key, "-noout", "-check"], timeout: 10 },
    ],
  };
}

function refuseBadSpec(spec: TlsSpec): string {
  const [domain] = spec.domains;
  const check = new SpecCheck("tls")
    .that(domain !== undefined, "domains", spec.domains, "at least one domain")
    .matches("email", spec.email, /^[^\s@]+@[^\s@]+\.[^\s@]+$/, "an e-mail address the authority may write to")
    .matches(
      "directory",
      spec.directory,
      /^https:\/\/\S+$/,
      "an https URL, such as https://acme-v02.api.letsencrypt.org/directory",
    )
    .matches("dnsApi", spec.dnsApi, /^https?:\/\/\S+[^/]$/, `a URL without a slash at its end, such as ${cloudflare}`)
    .that(/^\S{20,}$/.test(spec.dnsToken), "dnsToken", "(not shown)", "a Cloudflare token of 20 characters or more")
    .domain("zone", spec.zone)
    .integer("dnsWaitSeconds", dnsWait(spec), 0, 120)
    .that(
      spec.directoryCa === undefined || spec.directoryCa.includes("BEGIN CERTIFICATE"),
      "directoryCa",
      "(not shown)",
      "a certificate in PEM form",
    );
  for (const name of spec.domains) {
    check.domain("domains", name);
    check.that(name === spec.zone || name.endsWith(`.${spec.zone}`), "domains", name, `names in the zone ${spec.zone}`);
  }
  check.done();
  return domain ?? "";
}

function dnsWait(spec: TlsSpec): number {
  return spec.dnsWaitSeconds ?? (spec.dnsApi === cloudflare ? 10 : 0);
}

function request(spec: TlsSpec): string {
  const { domains, email, directory, dnsApi, zone } = spec;
  const values = {
    directory,
    directoryCa: spec.directoryCa !== undefined,
    dnsApi,
    dnsWaitSeconds: dnsWait(spec),
    domains,
    email,
    zone,
  };
  return `${JSON.stringify(values, null, 2)}\n`;
}

function renewalService(): string {
  return ini({
    Unit: {
      After: "network-online.target",
      Description: "Renew the TLS certificate when it is due",
      Wants: "network-online.target",
    },
    Service: {
      // Root owns all it writes, so it needs none of root's other rights.
      ...sandbox({ writable: ["/etc/bascule/tls", "/var/lib/bascule/acme", "/var/lib/prometheus/node-exporter"] }),
      ExecStart: `${scripts}/obtain`,
      TimeoutStartSec: 300,
      Type: "oneshot",
    },
  });
}

function renewalTimer(): string {
  return ini({
    Unit: { Description: "Look twice a day whether the TLS certificate is due" },
    Timer: { OnCalendar: "*-*-* 03,15:00:00", Persistent: "true", RandomizedDelaySec: "3h" },
    Install: { WantedBy: "timers.target" },
  });
}
