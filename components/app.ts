import * as pulumi from "@pulumi/pulumi";
import { renderApp } from "../provisioning/app/render.ts";
import type { Image } from "../provisioning/image.ts";
import type { Settings } from "../settings/schema.ts";
import { HostService } from "./host-service.ts";
import type { Release } from "./release.ts";
import type { Server } from "./server.ts";

export interface AppArgs {
  server: Server;
  image: Image;
  /** Name, entry, instances and what else the settings say. */
  app: Settings["app"];
  /** A change rolls the instances over one by one. */
  release: Release;
  /** Secret; of the pool. */
  databaseUrl: pulumi.Output<string>;
  /** The database itself, for migrations: a pool has no session to hold a lock with. */
  database: { name: string; role: string; password: pulumi.Output<string> };
  /** Secret. */
  redisUrl: pulumi.Output<string>;
  /** Secret; where there is a queue. */
  queueUrl?: pulumi.Output<string> | undefined;
  /** Secret environment variables of the application's own. */
  secrets: pulumi.Output<Record<string, string>>;
}

/** The ports of the instances, all on loopback. */
export function instancePorts({ firstPort, instances }: Settings["app"]): number[] {
  return Array.from({ length: instances }, (_, index) => firstPort + index);
}

/** The application in several instances behind their health checks. */
export class App extends pulumi.ComponentResource {
  /** First digits of the release that runs. */
  readonly release: string;

  constructor(name: string, args: AppArgs, opts?: pulumi.ComponentResourceOptions) {
    super("bascule:app:App", name, { app: args.app.name, instances: args.app.instances }, opts);
    const { app, release, database } = args;
    const bundle = pulumi
      .all([
        args.databaseUrl,
        args.redisUrl,
        args.secrets,
        args.queueUrl,
        pulumi.all([release.artefact, release.node, database.password]),
      ])
      .apply(([databaseUrl, redisUrl, secrets, queueUrl, [artefact, node, password]]) =>
        renderApp({
          name: app.name,
          user: app.name,
          release: artefact,
          node,
          runtime: app.runtime,
          ...(app.migrations === "off"
            ? {}
            : { migrations: { ...directly(database), password, afterCopy: app.migrations === "after-copy" } }),
          entry: app.entry,
          ports: instancePorts(app),
          healthPath: app.healthPath,
          memoryMiB: app.memoryMiB,
          environment: {
            ...app.environment,
            ...secrets,
            DATABASE_URL: databaseUrl,
            REDIS_URL: redisUrl,
            ...(queueUrl === undefined ? {} : { QUEUE_URL: queueUrl }),
            SHOP_SIDE: "green",
            NODE_ENV: "production",
          },
          image: args.image,
        }),
      );
    new HostService(
      `${name}-service`,
      // A migration may take an hour; instances of the release before serve meanwhile.
      { server: args.server, service: `app-${app.name}`, bundle, timeout: "75m" },
      { parent: this },
    );
    this.release = release.artefact.sha256.slice(0, 16);
    this.registerOutputs({ release: this.release });
  }
}

function directly({ name, role }: AppArgs["database"]) {
  return { port: 5432, database: name, role };
}
