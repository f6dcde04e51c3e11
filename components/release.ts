import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { type Architecture, packNode } from "../provisioning/app/node-runtime.ts";
import type { Settings } from "../settings/schema.ts";
import { type Artefact, readArtefact } from "./artefact.ts";
import type { Server } from "./server.ts";

export interface ReleaseArgs {
  server: Server;
  /** Artefact, its pinned hash, the release to run, the version of Node.js. */
  app: Settings["app"];
  architecture: Architecture;
}

/** What lies on the server for hostctl to unpack. */
export interface Uploaded {
  /** 64 hex digits; hostctl refuses a file with another hash. */
  sha256: string;
  /** Path on the server; known once it is there. */
  upload: pulumi.Output<string>;
}

/**
 * The application's artefact and its Node.js, uploaded as files: what is large travels neither through the state nor through a
 * command. The copy is neither atomic nor checked by itself; hostctl hashes what arrived before it opens it.
 */
export class Release extends pulumi.ComponentResource {
  /** The release that is to run: the artefact's, or the one `bascule:app.release` holds on to. */
  readonly artefact: Uploaded;
  readonly node: Uploaded & { version: string };

  constructor(name: string, args: ReleaseArgs, opts?: pulumi.ComponentResourceOptions) {
    super("bascule:app:Release", name, { artefact: args.app.artefact, node: args.app.node }, opts);
    const { server, app } = args;
    const node = packedNode(app.node, args.architecture);
    const runtime = this.upload(`${name}-node`, server, node, []);
    // One after the other: at most three connections are at work on a server.
    const artefact = readArtefact(app);
    const latest = this.upload(`${name}-artefact`, server, artefact, [runtime]);
    this.node = { version: app.node, sha256: node.sha256, upload: runtime.remotePath };
    const sha256 = app.release ?? artefact.sha256;
    this.artefact = { sha256, upload: latest.remotePath.apply(() => uploadPath(server.user, sha256)) };
    this.registerOutputs({ sha256 });
  }

  private upload(
    name: string,
    server: Server,
    { path, sha256 }: Artefact,
    after: pulumi.Resource[],
  ): command.remote.CopyToRemote {
    return new command.remote.CopyToRemote(
      name,
      {
        connection: server.connection(),
        // Absolute: plugins need not run in the project's folder. The engine compares contents, not paths.
        source: new pulumi.asset.FileAsset(path),
        remotePath: uploadPath(server.user, sha256),
        triggers: [server.machine.id],
      },
      { parent: this, dependsOn: after, deletedWith: server.machine, customTimeouts: { create: "30m", update: "30m" } },
    );
  }
}

/** A folder the server's readiness makes: the copy makes none. hostctl removes what the last five releases do not need. */
function uploadPath(user: string, sha256: string): string {
  return `/home/${user}/.bascule/uploads/${sha256}.tar.gz`;
}

function packedNode(version: string, architecture: Architecture): Artefact {
  try {
    return packNode(version, architecture);
  } catch (error) {
    throw new pulumi.RunError(`bascule:app.node: ${error instanceof Error ? error.message : String(error)}`);
  }
}
