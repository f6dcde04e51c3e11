import * as cloudflare from "@pulumi/cloudflare";
import * as pulumi from "@pulumi/pulumi";
import type { MailRecord } from "./mail-records.ts";
import type { Zone } from "./zone.ts";

export interface MailDnsArgs {
  zone: Zone;
  /** What `mailRecords` made of the settings. */
  records: readonly MailRecord[];
  /** Seconds resolvers may keep the answers. @default 3600 */
  ttl?: number;
}

/** Who takes the zone's mail, who may send it, and who may issue certificates. No other record of the zone is touched. */
export class MailDns extends pulumi.ComponentResource {
  constructor(name: string, args: MailDnsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("bascule:edge:MailDns", name, { zone: args.zone.name }, opts);
    for (const { label, ...record } of args.records) {
      new cloudflare.DnsRecord(
        `${name}-${label}`,
        { zoneId: args.zone.id, ...record, ttl: args.ttl ?? 3600, proxied: false, comment: "managed by bascule" },
        { parent: this },
      );
    }
    this.registerOutputs();
  }
}
