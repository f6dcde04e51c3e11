import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { type Bundle, sealBundle } from "../provisioning/bundle.ts";
import type { Server } from "./server.ts";

export interface HostServiceArgs {
  /** Where to install; a rebuilt server gets every service again. */
  server: Server;
  /** Name of the service, as in the bundle: it stands in the command and so in the preview. */
  service: string;
  /** Rendered in one `apply`; may hold secrets. */
  bundle: pulumi.Input<Bundle>;
  /** Longest the update may take. @default "10m" */
  timeout?: string;
}

/** One bundle on one server: sealed, fed to hostctl on stdin, probed there, reverted there when a probe fails. */
export class HostService extends pulumi.ComponentResource {
  readonly service: string;
  /** Known only after the service runs and its probes passed. */
  readonly hash: pulumi.Output<string>;

  constructor(name: string, args: HostServiceArgs, opts?: pulumi.ComponentResourceOptions) {
    super("bascule:compute:HostService", name, { service: args.service }, opts);
    this.service = args.service;
    const { server, timeout = "10m" } = args;
    const sealed = pulumi.secret(pulumi.output(args.bundle).apply((bundle) => sealedFor(args.service, bundle)));
    // 64 bits of a SHA-256 over a text with our own random passwords in it tell nothing; the preview needs them in the clear
    // to show which service changes.
    const hash = pulumi.unsecret(sealed.apply(({ hash }) => hash));
    const apply = pulumi.interpolate`sudo /usr/local/sbin/hostctl apply --service ${args.service} --hash ${hash}`;
    const run = new command.remote.Command(
      `${name}-apply`,
      {
        connection: server.connection(),
        // The same idempotent command: when the hash is the one that runs, hostctl checks and says so.
        create: apply,
        update: apply,
        stdin: sealed.apply(({ text }) => text),
        // A trigger replaces, so only a new server belongs here.
        triggers: [server.machine.id],
        // sshd refuses unknown variables, which would put a warning into every update.
        addPreviousOutputInEnv: false,
        logging: command.remote.Logging.None,
      },
      {
        parent: this,
        deletedWith: server.machine,
        additionalSecretOutputs: ["stdout", "stderr"],
        customTimeouts: { create: timeout, update: timeout },
      },
    );
    this.hash = pulumi.unsecret(pulumi.all([hash, run.stdout]).apply(([value]) => value));
    server.services.push(this);
    this.registerOutputs({ hash: this.hash });
  }
}

function sealedFor(service: string, bundle: Bundle): { hash: string; text: string } {
  if (bundle.service !== service) throw new Error(`the bundle is for ${bundle.service}, the component for ${service}`);
  return sealBundle(bundle);
}
