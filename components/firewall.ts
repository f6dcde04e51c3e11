import * as hcloud from "@pulumi/hcloud";
import * as pulumi from "@pulumi/pulumi";
import { type Admission, openings, providerRules } from "../provisioning/firewall/rules.ts";
import type { Settings } from "../settings/schema.ts";
import type { Naming } from "./naming.ts";

export interface FirewallArgs {
  naming: Naming;
  /** Who may come in. A list of operators' ranges that leaves out the operator locks Pulumi out at once. */
  admission: Admission;
}

/** Hetzner's packet filter in front of a server: everything that is not named here is dropped before it arrives. */
export class Firewall extends pulumi.ComponentResource {
  readonly firewallId: pulumi.Output<number>;

  constructor(name: string, args: FirewallArgs, opts?: pulumi.ComponentResourceOptions) {
    super("bascule:network:Firewall", name, { adminCidrs: args.admission.adminCidrs }, opts);
    const { prefix, labels } = args.naming;
    const firewall = new hcloud.Firewall(
      `${name}-rules`,
      { name: prefix, labels, rules: providerRules(openings(args.admission)) },
      { parent: this },
    );
    this.firewallId = firewall.id.apply(Number);
    this.registerOutputs({ firewallId: this.firewallId });
  }
}

/** Who may come to a server, out of the stack's settings. */
export function admissionOf({
  access,
  firewall,
  network,
}: Pick<Settings, "access" | "firewall" | "network">): Admission {
  return { adminCidrs: access.adminCidrs, ...firewall, privateCidr: network.cidr };
}
