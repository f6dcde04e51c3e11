import { readDkimKey } from "../settings/dkim-key.ts";
import type { Settings } from "../settings/schema.ts";

/** One record of the zone, as the provider takes it. */
export type MailRecord = {
  /** What it is for, as the end of the resource's name: `mx-mail-example-com`. */
  label: string;
  /** Full name without the final dot. */
  name: string;
} & (
  | { type: "MX"; content: string; priority: number }
  | { type: "TXT"; content: string }
  | { type: "CAA"; data: { flags: number; tag: "issue"; value: string } }
);

/** A string of a TXT record holds no more bytes than this. */
const TXT_STRING = 255;

/** Records of the zone's mail and of who may issue certificates; none when nothing is set. */
export function mailRecords(mail: Settings["mail"], zone: string): MailRecord[] {
  const { mx, spf, dkim, dmarc, caa } = mail;
  return [
    ...mx.map(
      ({ host, priority }): MailRecord => ({
        label: host === "." ? "mx-null" : `mx-${kebab(host)}`,
        name: zone,
        type: "MX",
        content: host,
        priority,
      }),
    ),
    ...(spf.length > 0 ? [text("spf", zone, ["v=spf1", ...spf].join(" "))] : []),
    ...Object.entries(dkim).map(([selector, key]) =>
      text(`dkim-${selector}`, `${selector}._domainkey.${zone}`, dkimText(key)),
    ),
    ...(dmarc.policy ? [text("dmarc", `_dmarc.${zone}`, dmarcText({ ...dmarc, policy: dmarc.policy }))] : []),
    ...caa.map(
      (value): MailRecord => ({
        label: `caa-${kebab(value)}`,
        name: zone,
        type: "CAA",
        data: { flags: 0, tag: "issue", value },
      }),
    ),
  ];
}

function kebab(value: string): string {
  return value.replace(/[^a-z0-9]+/g, "-");
}

function text(label: string, name: string, value: string): MailRecord {
  return { label, name, type: "TXT", content: txtStrings(value) };
}

/**
 * A TXT value in quoted strings. Cloudflare would cut a long one by itself and answer the pieces, which the provider then takes
 * for a change, update after update.
 */
export function txtStrings(value: string): string {
  const pieces = value.match(new RegExp(`.{1,${TXT_STRING}}`, "g")) ?? [""];
  return pieces.map((piece) => `"${piece.replace(/["\\]/g, "\\$&")}"`).join(" ");
}

function dkimText(key: string): string {
  const read = readDkimKey(key);
  if ("unusable" in read) throw new Error(`the settings let a DKIM key through that is ${read.unusable}`);
  return `v=DKIM1; k=${read.kind}; p=${read.text}`;
}

/** What is RFC 7489's default is left out. */
function dmarcText(dmarc: Settings["mail"]["dmarc"] & { policy: string }): string {
  return [
    "v=DMARC1",
    `p=${dmarc.policy}`,
    ...(dmarc.subdomainPolicy ? [`sp=${dmarc.subdomainPolicy}`] : []),
    ...(dmarc.percent < 100 ? [`pct=${dmarc.percent}`] : []),
    ...(dmarc.reportsTo.length > 0 ? [`rua=${dmarc.reportsTo.map((address) => `mailto:${address}`).join(",")}`] : []),
    ...(dmarc.dkimAlignment === "strict" ? ["adkim=s"] : []),
    ...(dmarc.spfAlignment === "strict" ? ["aspf=s"] : []),
  ].join("; ");
}
