import * as pulumi from "@pulumi/pulumi";
import type { Image } from "../provisioning/image.ts";
import { renderMover } from "../provisioning/mover/render.ts";
import type { Settings } from "../settings/schema.ts";
import { HostService } from "./host-service.ts";
import { PORT } from "./pgbouncer.ts";
import type { MoveUsers } from "./redis.ts";
import type { Release } from "./release.ts";
import type { Server } from "./server.ts";

export interface MoverArgs {
  server: Server;
  image: Image;
  /** The application's Node.js; the mover runs with it. */
  node: Release["node"];
  database: string;
  /** Owner of that database. */
  role: string;
  /** Secret; of that role. */
  password: pulumi.Output<string>;
  /** Secret; the other database of the move. */
  blueDatabaseUrl: pulumi.Output<string>;
  /** Authority that signs its certificate, in PEM. @default the system's */
  blueCa?: string | undefined;
  /** Blue's Redis, whom one comes to the cache here as, and what becomes of the keys. @default they start anew */
  keys?: {
    blueRedisUrl: pulumi.Output<string>;
    users: MoveUsers;
    redis: Pick<Settings["redis"], "move" | "blueUsers">;
  };
  /** How long a flip may hold writes, whether it may end transactions, and whether writes on this server wait for blue. */
  data: Settings["data"];
}

/** What moves the data by replication: the program the operator's verbs run on the server, and its service. */
export class Mover extends pulumi.ComponentResource {
  constructor(name: string, args: MoverArgs, opts?: pulumi.ComponentResourceOptions) {
    super("bascule:database:Mover", name, { move: args.data.move }, opts);
    const { image, database, role, data, keys } = args;
    const bundle = pulumi
      .all([pulumi.output(args.node), args.password, args.blueDatabaseUrl, pulumi.output(keys)])
      .apply(([node, password, blueUrl, moved]) =>
        renderMover({
          image,
          node,
          database,
          poolPort: PORT,
          move: { blueUrl, blueCa: args.blueCa, role, password },
          ...(moved === undefined
            ? {}
            : {
                keys: {
                  blueUrl: moved.blueRedisUrl,
                  blueUsers: moved.redis.blueUsers,
                  policies: moved.redis.move ?? {},
                  ...moved.users,
                },
              }),
          freezeBudgetSeconds: data.freezeBudgetSeconds,
          wayBack: data.wayBack,
          wayBackPatienceSeconds: data.wayBackPatienceSeconds,
          endLongTransactions: data.endLongTransactions,
        }),
      );
    new HostService(`${name}-service`, { server: args.server, service: "mover", bundle }, { parent: this });
    this.registerOutputs();
  }
}
