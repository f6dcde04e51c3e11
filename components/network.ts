import * as hcloud from "@pulumi/hcloud";
import * as pulumi from "@pulumi/pulumi";
import type { Naming } from "./naming.ts";

export interface NetworkArgs {
  naming: Naming;
  /** Range of the whole network. A change replaces it; servers keep running without private addresses meanwhile. */
  cidr: string;
  /** Range servers take addresses from, inside `cidr`. */
  subnet: string;
  /** Hetzner network zone; all European locations are in one. @default "eu-central" */
  zone?: string;
}

/** The private network of a topology. */
export class Network extends pulumi.ComponentResource {
  /** What servers attach to; knowing it means the subnet exists. */
  readonly subnetId: pulumi.Output<string>;

  constructor(name: string, args: NetworkArgs, opts?: pulumi.ComponentResourceOptions) {
    super("bascule:network:Network", name, { cidr: args.cidr, subnet: args.subnet }, opts);
    const { prefix, labels } = args.naming;
    const network = new hcloud.Network(`${name}-range`, { name: prefix, ipRange: args.cidr, labels }, { parent: this });
    const subnet = new hcloud.NetworkSubnet(
      `${name}-subnet`,
      {
        networkId: network.id.apply(Number),
        type: "cloud",
        networkZone: args.zone ?? "eu-central",
        ipRange: args.subnet,
      },
      { parent: this },
    );
    this.subnetId = subnet.id;
    this.registerOutputs({ subnetId: this.subnetId });
  }
}
