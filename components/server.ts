import * as command from "@pulumi/command";
import * as hcloud from "@pulumi/hcloud";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { renderCloudInit } from "../provisioning/cloud-init.ts";
import { packHostctl } from "../provisioning/hostctl/pack.ts";
import { hostKeyFromSeed } from "../provisioning/ssh/host-key.ts";
import type { Naming } from "./naming.ts";
import type { Network } from "./network.ts";

export interface ServerArgs {
  naming: Naming;
  /** Hetzner server type. A change switches the server off for about a minute. */
  type: pulumi.Input<string>;
  /** Hetzner location. A change REPLACES server and address: all data on it is lost. */
  location: string;
  /** Operating system. A change REPLACES the server: all data on it is lost. */
  image: string;
  /** Refuses deletion and rebuild at Hetzner, and replacement or destroy in Pulumi. */
  protect: boolean;
  /** Account for deployment. Only first boot makes it. */
  user: string;
  sshPublicKey: string;
  /** Secret. */
  sshPrivateKey: pulumi.Output<string>;
  firewallId: pulumi.Input<number>;
  /** Private network it joins once it runs. */
  network: Network;
  /** What the address resolves back to. */
  reverseName: string;
}

/** A bundle on a server; `hash` is known once it runs there. */
export interface AppliedService {
  service: string;
  hash: pulumi.Output<string>;
}

/** One server with an address that outlives it, reachable by SSH under a host key known before it exists. */
export class Server extends pulumi.ComponentResource {
  /** Public IPv4 address. */
  readonly address: pulumi.Output<string>;
  readonly privateAddress: pulumi.Output<string>;
  readonly user: string;
  /** Public host key, the only one any connection of ours accepts. */
  readonly hostKey: pulumi.Output<string>;
  readonly privateKey: pulumi.Output<string>;
  /** For `deletedWith`, `replaceWith` and triggers. */
  readonly machine: hcloud.Server;
  /** Everything applied on it; each puts itself on the list, so that none can be forgotten. */
  readonly services: AppliedService[] = [];
  /** First boot is over and hostctl answers. */
  readonly ready: command.remote.Command;

  constructor(name: string, args: ServerArgs, opts?: pulumi.ComponentResourceOptions) {
    super("bascule:compute:Server", name, { location: args.location, image: args.image }, opts);
    this.user = args.user;
    this.privateKey = args.sshPrivateKey;
    const seed = new random.RandomBytes(`${name}-host-key`, { length: 32 }, { parent: this });
    // A public key made from a secret seed is itself secret to Pulumi; it is shown to whoever connects.
    this.hostKey = pulumi.unsecret(seed.base64.apply((text) => hostKeyFromSeed(text).publicKey));
    const address = this.createAddress(name, args);
    this.address = address.ipAddress;
    this.machine = this.createMachine(name, args, address, seed.base64);
    const attachment = new hcloud.ServerNetwork(
      `${name}-attachment`,
      { serverId: this.machine.id.apply(Number), subnetId: args.network.subnetId },
      { parent: this, deletedWith: this.machine },
    );
    this.privateAddress = attachment.ip;
    this.createReverseName(name, args, address);
    this.ready = this.createReadiness(name);
    this.registerOutputs({ address: this.address, privateAddress: this.privateAddress, hostKey: this.hostKey });
  }

  /** How commands reach the server; `attempts` is small once it has booted, as wrong logins end in a ban. */
  connection(attempts = 3): pulumi.Output<command.types.output.remote.Connection> {
    return pulumi.secret(
      pulumi.output({
        host: this.address,
        user: this.user,
        privateKey: this.privateKey,
        hostKey: this.hostKey,
        dialErrorLimit: attempts,
        perDialTimeout: 15,
      }),
    );
  }

  private createAddress(name: string, args: ServerArgs): hcloud.PrimaryIp {
    return new hcloud.PrimaryIp(
      `${name}-address`,
      {
        name: args.naming.prefix,
        type: "ipv4",
        assigneeType: "server",
        location: args.location,
        // DNS and the other side's firewalls know this address: it stays when the server is replaced.
        autoDelete: false,
        deleteProtection: args.protect,
        labels: args.naming.labels,
      },
      { parent: this, protect: args.protect },
    );
  }

  private createMachine(
    name: string,
    args: ServerArgs,
    address: hcloud.PrimaryIp,
    seed: pulumi.Output<string>,
  ): hcloud.Server {
    const { prefix, labels } = args.naming;
    const sshKey = new hcloud.SshKey(
      `${name}-ssh-key`,
      { name: prefix, publicKey: args.sshPublicKey, labels },
      { parent: this },
    );
    const userData = pulumi.secret(
      seed.apply((text) =>
        renderCloudInit({
          hostname: prefix,
          user: args.user,
          authorizedKeys: [args.sshPublicKey],
          hostKey: hostKeyFromSeed(text),
          hostctl: packHostctl(),
        }),
      ),
    );
    return new hcloud.Server(
      `${name}-machine`,
      {
        name: prefix,
        serverType: args.type,
        image: args.image,
        location: args.location,
        // Without a key Hetzner makes a root password and sends it by mail.
        sshKeys: [sshKey.id],
        userData,
        firewallIds: [args.firewallId],
        publicNets: [{ ipv4Enabled: true, ipv4: address.id.apply(Number), ipv6Enabled: false }],
        deleteProtection: args.protect,
        rebuildProtection: args.protect,
        labels,
      },
      {
        parent: this,
        protect: args.protect,
        // A subnet cannot be deleted while a server is attached: the server has to go first.
        dependsOn: [args.network],
        // Both force a replacement at Hetzner and matter on first boot only; hostctl updates itself as a bundle.
        ignoreChanges: ["userData", "sshKeys"],
        // Name and address are free for the new server only when the old one is gone.
        deleteBeforeReplace: true,
        customTimeouts: { create: "10m" },
      },
    );
  }

  private createReverseName(name: string, args: ServerArgs, address: hcloud.PrimaryIp): void {
    new hcloud.Rdns(
      `${name}-reverse-name`,
      { primaryIpId: address.id.apply(Number), ipAddress: address.ipAddress, dnsPtr: args.reverseName },
      // Goes with its address; deleting it alone would only reset the name at Hetzner.
      { parent: this, deletedWith: address },
    );
  }

  private createReadiness(name: string): command.remote.Command {
    // cloud-init ends with 2 for warnings of the image that are not ours; with anything else, its own words are the message.
    const wait =
      "cloud-init status --wait >/dev/null || { code=$?; test $code -eq 2 || { cloud-init status --long >&2; exit $code; }; }; " +
      "sudo /usr/local/sbin/hostctl list --json >/dev/null && install -d -m 0700 .bascule/uploads && echo ready";
    return new command.remote.Command(
      `${name}-ready`,
      {
        connection: this.connection(60),
        create: wait,
        update: wait,
        triggers: [this.machine.id],
        addPreviousOutputInEnv: false,
      },
      { parent: this, deletedWith: this.machine, customTimeouts: { create: "8m", update: "8m" } },
    );
  }
}
