import * as cloudflare from "@pulumi/cloudflare";
import * as pulumi from "@pulumi/pulumi";
import type { Zone } from "./zone.ts";

export interface DnsArgs {
  zone: Zone;
  /** Address by the first label of its name: `green` becomes `green.<zone>`. */
  addresses: Record<string, pulumi.Input<string>>;
  /** Seconds resolvers may keep the answers. @default 300 */
  ttl?: number;
}

/** Names of single servers, beside the public one that Traffic owns: probes reach a side by them, whatever the weight. */
export class Dns extends pulumi.ComponentResource {
  constructor(name: string, args: DnsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("bascule:edge:Dns", name, { zone: args.zone.name }, opts);
    for (const [label, content] of Object.entries(args.addresses)) {
      new cloudflare.DnsRecord(
        `${name}-${label}`,
        {
          zoneId: args.zone.id,
          name: `${label}.${args.zone.name}`,
          type: "A",
          content,
          ttl: args.ttl ?? 300,
          // The server itself must answer, not Cloudflare's edge.
          proxied: false,
          comment: "managed by bascule",
        },
        { parent: this },
      );
    }
    this.registerOutputs();
  }
}
