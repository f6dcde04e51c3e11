import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import type { Image } from "../provisioning/image.ts";
import { relayPort } from "../provisioning/mover/relay.ts";
import { cachePort, type EvictionPolicy, queuePort, relayedUser, renderRedis } from "../provisioning/redis/render.ts";
import { HostService } from "./host-service.ts";
import type { Server } from "./server.ts";

export interface RedisArgs {
  server: Server;
  image: Image;
  /** Memory for the cache's keys. A change restarts it (under a second); keys are kept. */
  maxmemoryMiB: pulumi.Input<number>;
  /** What goes when that memory is full. */
  policy: EvictionPolicy;
  /** A second server for queues, which never lets a key go. */
  queue: boolean;
  /** Memory for the queue's keys. A full queue refuses to write. */
  queueMaxmemoryMiB: pulumi.Input<number>;
  /** Whether keys move between blue and here: the application then asks the relay, which leads to the side that takes the writes. */
  moves: boolean;
}

/** Secret; how one comes to the cache while its keys move. */
export interface MoveUsers {
  moverPassword: pulumi.Output<string>;
  /** The application's own. */
  appPassword: pulumi.Output<string>;
}

/** Cache on loopback, and a queue beside it where asked: Valkey where Debian ships it, else Redis. */
export class Redis extends pulumi.ComponentResource {
  /** Secret; the cache, as the application connects to it. */
  readonly url: pulumi.Output<string>;
  /** Secret; the queue, where there is one. */
  readonly queueUrl?: pulumi.Output<string>;
  /** Where keys move. */
  readonly move?: MoveUsers;

  constructor(name: string, args: RedisArgs, opts?: pulumi.ComponentResourceOptions) {
    super("bascule:cache:Redis", name, { policy: args.policy, queue: args.queue }, opts);
    const password = this.createPassword(`${name}-password`);
    const monitor = this.createPassword(`${name}-monitor-password`);
    const queue = args.queue ? this.createPassword(`${name}-queue-password`) : undefined;
    if (args.moves) this.move = { moverPassword: this.createPassword(`${name}-mover-password`), appPassword: password };
    const bundle = pulumi
      .all([password, monitor, queue, args.maxmemoryMiB, args.queueMaxmemoryMiB, this.move?.moverPassword])
      .apply(([secret, monitorPassword, queueSecret, maxmemoryMiB, queueMaxmemoryMiB, moverPassword]) =>
        renderRedis({
          // Debian 13 left Redis for Valkey when Redis changed its licence.
          image: args.image,
          cache: { password: secret, maxmemoryMiB, policy: args.policy },
          ...(queueSecret === undefined ? {} : { queue: { password: queueSecret, maxmemoryMiB: queueMaxmemoryMiB } }),
          ...(moverPassword === undefined ? {} : { moverPassword }),
          monitorPassword,
        }),
      );
    new HostService(`${name}-service`, { server: args.server, service: "redis", bundle }, { parent: this });
    this.url = pulumi.secret(
      args.moves
        ? pulumi.interpolate`redis://${relayedUser}:${password}@127.0.0.1:${relayPort}`
        : pulumi.interpolate`redis://app:${password}@127.0.0.1:${cachePort}`,
    );
    if (queue) this.queueUrl = pulumi.secret(pulumi.interpolate`redis://app:${queue}@127.0.0.1:${queuePort}`);
    this.registerOutputs();
  }

  private createPassword(name: string): pulumi.Output<string> {
    return new random.RandomPassword(name, { length: 32, special: false }, { parent: this }).result;
  }
}
