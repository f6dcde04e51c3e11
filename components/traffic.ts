import * as cloudflare from "@pulumi/cloudflare";
import * as pulumi from "@pulumi/pulumi";
import type { Settings } from "../settings/schema.ts";
import type { Naming } from "./naming.ts";
import { trafficGate } from "./traffic-gate.ts";
import { type Side, trafficPlan } from "./traffic-plan.ts";
import type { Zone } from "./zone.ts";

export interface TrafficArgs {
  naming: Naming;
  zone: Zone;
  /** Public name whose traffic is moved. */
  domain: string;
  /** Weight and how it is carried. A change of the weight is the cutover. */
  traffic: Settings["traffic"];
  /** Where each side answers. */
  addresses: Record<Side, pulumi.Input<string>>;
  /** Path that answers 200 on a healthy side. */
  healthPath: string;
}

/** What decides which side answers for the domain. In a cutover nothing but its children may change. */
export class Traffic extends pulumi.ComponentResource {
  constructor(name: string, args: TrafficArgs, opts?: pulumi.ComponentResourceOptions) {
    // The weight is no input of the component itself: a flip then shows the one resource that carries it.
    super("bascule:edge:Traffic", name, { domain: args.domain, steering: args.traffic.steering }, opts);
    switch (args.traffic.steering) {
      case "load-balancer":
        this.createLoadBalancer(name, args);
        break;
      case "record":
        this.createRecord(name, args);
        break;
      default:
        throw new Error(`no such steering: ${args.traffic.steering satisfies never}`);
    }
    this.registerOutputs();
  }

  private createLoadBalancer(name: string, args: TrafficArgs): void {
    const monitor = this.createMonitor(name, args);
    const pools = {
      blue: this.createPool("blue", name, args, monitor),
      green: this.createPool("green", name, args, monitor),
    };
    const { shares, fallback } = trafficPlan(args.traffic.weight);
    new cloudflare.LoadBalancer(
      `${name}-load-balancer`,
      {
        zoneId: args.zone.id,
        name: args.domain,
        description: "managed by bascule",
        proxied: true,
        enabled: true,
        steeringPolicy: "random",
        defaultPools: shares.map(({ side }) => pools[side].id),
        fallbackPool: pools[fallback].id,
        randomSteering: {
          poolWeights: pulumi
            .all(shares.map(({ side, share }) => pools[side].id.apply((id): [string, number] => [id, share])))
            .apply((entries) => Object.fromEntries(entries)),
        },
        // Sessions and carts live on one side only; a user changes sides when their pool leaves the list, not at random.
        sessionAffinity: "cookie",
      },
      { parent: this, ...trafficGate() },
    );
  }

  private createMonitor(name: string, args: TrafficArgs): cloudflare.LoadBalancerMonitor {
    return new cloudflare.LoadBalancerMonitor(
      `${name}-monitor`,
      {
        accountId: args.zone.accountId,
        description: `bascule ${args.domain}`,
        type: "https",
        method: "GET",
        path: args.healthPath,
        port: 443,
        expectedCodes: "200",
        header: { Host: [args.domain] },
        interval: 60,
        timeout: 5,
        retries: 2,
        // Certificates are checked by the edge and by bascule's own probes. A monitor that stumbled over blue's old certificate
        // would move blue's users to green without anybody having asked for it.
        allowInsecure: true,
      },
      { parent: this },
    );
  }

  private createPool(
    side: Side,
    name: string,
    args: TrafficArgs,
    monitor: cloudflare.LoadBalancerMonitor,
  ): cloudflare.LoadBalancerPool {
    return new cloudflare.LoadBalancerPool(
      `${name}-${side}`,
      {
        accountId: args.zone.accountId,
        name: `${args.naming.prefix}-${side}`,
        description: `bascule ${args.domain}`,
        monitor: monitor.id,
        minimumOrigins: 1,
        enabled: true,
        origins: [{ name: side, address: args.addresses[side], enabled: true, weight: 1 }],
      },
      { parent: this },
    );
  }

  private createRecord(name: string, args: TrafficArgs): void {
    const { recordId, ttl, weight } = args.traffic;
    // Settings allow only 0 and 100 here, so one side has everything.
    const { fallback } = trafficPlan(weight);
    new cloudflare.DnsRecord(
      `${name}-record`,
      {
        zoneId: args.zone.id,
        name: args.domain,
        type: "A",
        content: args.addresses[fallback],
        ttl,
        proxied: false,
      },
      {
        parent: this,
        ...trafficGate(),
        // A record that was there before us is taken over as it is, and outlives the stack.
        ...(recordId ? { import: `${args.zone.id}/${recordId}`, retainOnDelete: true } : {}),
      },
    );
  }
}
