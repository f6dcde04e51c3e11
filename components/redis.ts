import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import type { Image } from "../provisioning/image.ts";
import { type EvictionPolicy, renderRedis } from "../provisioning/redis/render.ts";
import { HostService } from "./host-service.ts";
import type { Server } from "./server.ts";

export interface RedisArgs {
  server: Server;
  image: Image;
  /** Memory for keys. */
  maxmemoryMiB: number;
  /** What goes when the memory is full; `noeviction` for queues. */
  policy: EvictionPolicy;
}

/** Cache on loopback: Valkey where Debian ships it, else Redis. */
export class Redis extends pulumi.ComponentResource {
  /** Secret; what the application connects to. */
  readonly url: pulumi.Output<string>;

  constructor(name: string, args: RedisArgs, opts?: pulumi.ComponentResourceOptions) {
    super("bascule:cache:Redis", name, { maxmemoryMiB: args.maxmemoryMiB }, opts);
    const password = new random.RandomPassword(`${name}-password`, { length: 32, special: false }, { parent: this });
    const bundle = password.result.apply((secret) =>
      renderRedis({
        // Debian 13 left Redis for Valkey when Redis changed its licence.
        image: args.image,
        password: secret,
        maxmemoryMiB: args.maxmemoryMiB,
        policy: args.policy,
      }),
    );
    new HostService(`${name}-service`, { server: args.server, service: "redis", bundle }, { parent: this });
    this.url = pulumi.secret(pulumi.interpolate`redis://default:${password.result}@127.0.0.1:6379`);
    this.registerOutputs();
  }
}
