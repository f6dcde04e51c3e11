import * as pulumi from "@pulumi/pulumi";
import type { Image } from "../provisioning/image.ts";
import { renderPgBouncer } from "../provisioning/pgbouncer/render.ts";
import { HostService } from "./host-service.ts";
import type { Server } from "./server.ts";

export interface PgBouncerArgs {
  server: Server;
  image: Image;
  database: string;
  /** Role the application logs in as. */
  role: string;
  /** Secret; of that role. */
  password: pulumi.Output<string>;
  /** Connections kept to PostgreSQL. A change reloads, no client is dropped. */
  poolSize: number;
  /** Clients accepted at the same time. A change reloads. */
  maxClientConnections: number;
  /** Whether clients may name statements and use them again. @default where the image's PgBouncer can */
  preparedStatements?: boolean;
  /** Secret; blue's database, where data moves by replication: statements then go to it until a flip. */
  blueDatabaseUrl?: pulumi.Output<string> | undefined;
  /** Authority that signs blue's certificate, in PEM. A change reloads. @default the system's */
  blueCa?: string | undefined;
}

/** Where the pool and its console are. */
export const PORT = 6432;

/** Connection pool on loopback, in transaction mode. */
export class PgBouncer extends pulumi.ComponentResource {
  /** Secret; what the application connects to. */
  readonly url: pulumi.Output<string>;

  constructor(name: string, args: PgBouncerArgs, opts?: pulumi.ComponentResourceOptions) {
    super("bascule:database:PgBouncer", name, { poolSize: args.poolSize }, opts);
    const { database, role, poolSize, maxClientConnections, preparedStatements, image } = args;
    const spec = { port: PORT, database, poolSize, maxClientConnections, preparedStatements, image };
    const bundle =
      args.blueDatabaseUrl === undefined
        ? renderPgBouncer(spec)
        : pulumi
            .all([args.blueDatabaseUrl, args.password])
            .apply(([blueUrl, password]) =>
              renderPgBouncer({ ...spec, move: { blueUrl, blueCa: args.blueCa, role, password } }),
            );
    new HostService(`${name}-service`, { server: args.server, service: "pgbouncer", bundle }, { parent: this });
    this.url = pulumi.secret(
      pulumi.interpolate`postgresql://${args.role}:${args.password}@127.0.0.1:${PORT}/${args.database}`,
    );
    this.registerOutputs({ port: PORT });
  }
}
