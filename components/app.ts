import * as pulumi from "@pulumi/pulumi";
import { renderApp } from "../provisioning/app/render.ts";
import type { Image } from "../provisioning/image.ts";
import type { Settings } from "../settings/schema.ts";
import type { Artefact } from "./artefact.ts";
import { HostService } from "./host-service.ts";
import type { Server } from "./server.ts";

export interface AppArgs {
  server: Server;
  image: Image;
  /** Name, entry, instances and what else the settings say. */
  app: Settings["app"];
  /** A change rolls the instances over one by one. */
  artefact: Artefact;
  /** Secret. */
  databaseUrl: pulumi.Output<string>;
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
    const { app, artefact } = args;
    const bundle = pulumi
      .all([args.databaseUrl, args.redisUrl, args.secrets, args.queueUrl])
      .apply(([databaseUrl, redisUrl, secrets, queueUrl]) =>
        renderApp({
          name: app.name,
          user: app.name,
          release: artefact,
          entry: app.entry,
          ports: instancePorts(app),
          healthPath: app.healthPath,
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
    new HostService(`${name}-service`, { server: args.server, service: `app-${app.name}`, bundle }, { parent: this });
    this.release = artefact.hash.slice(0, 16);
    this.registerOutputs({ release: this.release });
  }
}
