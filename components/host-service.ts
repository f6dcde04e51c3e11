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
  /**
   * Whether the bundle has `guardSeconds`, which must be known before the bundle is: a second command then confirms the change
   * through a new SSH connection, or the host takes it back by itself. @default false
   */
  guarded?: boolean;
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
    const sealed = pulumi.secret(pulumi.output(args.bundle).apply((bundle) => sealedFor(args, bundle)));
    // 64 bits of a SHA-256 over a text with our own random passwords in it tell nothing; the preview needs them in the clear
    // to show which service changes.
    const hash = pulumi.unsecret(sealed.apply(({ hash }) => hash));
    const words = pulumi.interpolate`--service ${args.service} --hash ${hash}`;
    const apply = pulumi.interpolate`sudo /usr/local/sbin/hostctl apply ${words}`;
    const stdin = sealed.apply(({ text }) => text);
    let run = this.run(`${name}-apply`, server, timeout, apply, { stdin });
    if (args.guarded) {
      const confirm = pulumi.interpolate`sudo /usr/local/sbin/hostctl confirm ${words} || ${sayHowToGoOn(name)}`;
      // Every command has a connection of its own, so this one is the new login that proves the way in.
      run = this.run(`${name}-confirm`, server, timeout, confirm, { dependsOn: [run] });
    }
    this.hash = pulumi.unsecret(pulumi.all([hash, run.stdout]).apply(([value]) => value));
    server.services.push(this);
    this.registerOutputs({ hash: this.hash });
  }

  private run(
    name: string,
    server: Server,
    timeout: string,
    text: pulumi.Output<string>,
    { stdin, dependsOn = [] }: { stdin?: pulumi.Output<string>; dependsOn?: pulumi.Resource[] },
  ): command.remote.Command {
    return new command.remote.Command(
      name,
      {
        connection: server.connection(),
        // The same idempotent command: when the hash is the one that runs, hostctl checks and says so.
        create: text,
        update: text,
        stdin,
        // A trigger replaces, so only a new server belongs here.
        triggers: [server.machine.id],
        // sshd refuses unknown variables, which would put a warning into every update.
        addPreviousOutputInEnv: false,
        logging: command.remote.Logging.None,
      },
      {
        parent: this,
        dependsOn,
        deletedWith: server.machine,
        additionalSecretOutputs: ["stdout", "stderr"],
        customTimeouts: { create: timeout, update: timeout },
      },
    );
  }
}

/** To the engine the apply has succeeded, so an unchanged one is not made again by itself. */
function sayHowToGoOn(name: string): string {
  const words = [
    `${name}: the host runs the configuration from before this change, because nobody could confirm it by a new login.`,
    "Correct the setting and run pulumi up.",
    `To try the same once more: pulumi up --replace "**${name}-apply" --replace "**${name}-confirm"`,
  ];
  return `{ code=$?; echo '${words.join(" ")}' >&2; exit $code; }`;
}

function sealedFor({ service, guarded = false }: HostServiceArgs, bundle: Bundle): { hash: string; text: string } {
  if (bundle.service !== service) throw new Error(`the bundle is for ${bundle.service}, the component for ${service}`);
  if ((bundle.guardSeconds !== undefined) !== guarded)
    throw new Error(
      `the bundle of ${service} ${guarded ? "lacks" : "has"} guardSeconds, the component says ${guarded}`,
    );
  return sealBundle(bundle);
}
