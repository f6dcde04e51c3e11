import * as hcloud from "@pulumi/hcloud";
import * as pulumi from "@pulumi/pulumi";
import type { Naming } from "./naming.ts";

export interface FirewallArgs {
  naming: Naming;
  /** Where SSH may come from. A range that leaves out the operator locks Pulumi out at once. */
  adminCidrs: string[];
  /** TCP ports open to everybody. @default [80, 443] */
  publicPorts?: number[];
}

const EVERYWHERE = ["0.0.0.0/0", "::/0"];

/** Hetzner's packet filter in front of a server: everything that is not named here is dropped before it arrives. */
export class Firewall extends pulumi.ComponentResource {
  readonly firewallId: pulumi.Output<number>;

  constructor(name: string, args: FirewallArgs, opts?: pulumi.ComponentResourceOptions) {
    super("bascule:network:Firewall", name, { adminCidrs: args.adminCidrs }, opts);
    const { prefix, labels } = args.naming;
    const firewall = new hcloud.Firewall(
      `${name}-rules`,
      { name: prefix, labels, rules: rulesOf(args) },
      { parent: this },
    );
    this.firewallId = firewall.id.apply(Number);
    this.registerOutputs({ firewallId: this.firewallId });
  }
}

/** No rule for outgoing traffic: Hetzner then lets all of it out, which apt, ACME and backups need. */
function rulesOf({ adminCidrs, publicPorts = [80, 443] }: FirewallArgs): hcloud.types.input.FirewallRule[] {
  return [
    // Path MTU discovery breaks without ICMP, and then large answers hang.
    { direction: "in", protocol: "icmp", sourceIps: EVERYWHERE, description: "ping and path MTU" },
    { direction: "in", protocol: "tcp", port: "22", sourceIps: adminCidrs, description: "SSH of the operators" },
    ...publicPorts.map((port) => ({
      direction: "in",
      protocol: "tcp",
      port: String(port),
      sourceIps: EVERYWHERE,
      description: `public port ${port}`,
    })),
  ];
}
