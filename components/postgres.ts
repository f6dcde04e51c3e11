import * as postgresql from "@pulumi/postgresql";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import type { Image } from "../provisioning/image.ts";
import { waitingFile } from "../provisioning/pgbouncer/writer.ts";
import { renderPostgres } from "../provisioning/postgres/render.ts";
import { openForward } from "../provisioning/ssh/forward.ts";
import { HostService } from "./host-service.ts";
import type { Server } from "./server.ts";

export interface PostgresArgs {
  server: Server;
  /** Memory of the server that PostgreSQL may count on. A change restarts PostgreSQL. */
  memoryMiB: pulumi.Input<number>;
  cores: pulumi.Input<number>;
  /** Decides how much WAL is kept. */
  diskGiB: pulumi.Input<number>;
  /** Decides the major version; another one is a move, not an update. */
  image: Image;
  /** A change makes a new, empty database; the old one stays on the server, unused. */
  database: string;
  /** Owner of the database; the application connects as it. */
  role: string;
  /** Names of extensions to create in the database. */
  extensions: string[];
  /** A change restarts PostgreSQL (about 2 s). */
  maxConnections: number;
  /** When changes that take a restart are made live, `HH:MM-HH:MM` in UTC. */
  restartWindow: string;
  /** Makes them live at once. */
  restartNow: boolean;
  /** Longest a statement of the application may take; 0 for ever. Connections made from then on heed a change. */
  statementTimeoutSeconds: number;
  /** Longest a transaction of the application may do nothing; 0 for ever. Connections made from then on heed a change. */
  idleInTransactionSeconds: number;
  /** Whether a mover may say whom its commits wait for. A change reloads PostgreSQL. */
  moved: boolean;
  /** Loopback port of this machine that leads to the server's PostgreSQL. */
  forwardPort: number;
}

/** Extensions that work only when the server loads their library at start. */
const PRELOADED = ["pg_stat_statements"];
const ADMIN = "bascule";

/** PostgreSQL with one database and its owner; it listens on loopback only and is reached through SSH. */
export class Postgres extends pulumi.ComponentResource {
  /** Secret; of the role that owns the database. */
  readonly password: pulumi.Output<string>;
  /** The server runs with this configuration; the database may still be on its way. */
  readonly service: HostService;

  constructor(name: string, args: PostgresArgs, opts?: pulumi.ComponentResourceOptions) {
    super("bascule:database:Postgres", name, { image: args.image, database: args.database }, opts);
    const adminPassword = this.createPassword(`${name}-admin-password`);
    this.password = this.createPassword(`${name}-password`);
    this.service = this.createService(name, args, adminPassword);
    const provider = this.createProvider(name, args, adminPassword);
    this.createObjects(name, args, provider);
    this.registerOutputs({ database: args.database, role: args.role });
  }

  private createPassword(name: string): pulumi.Output<string> {
    // Letters and digits only: the password goes into connection strings and configuration files.
    return new random.RandomPassword(name, { length: 32, special: false }, { parent: this }).result;
  }

  private createService(name: string, args: PostgresArgs, adminPassword: pulumi.Output<string>): HostService {
    const bundle = pulumi
      .all([args.memoryMiB, args.cores, args.diskGiB, adminPassword])
      .apply(([memoryMiB, cores, diskGiB, password]) =>
        renderPostgres({
          image: args.image,
          memoryMiB,
          cores,
          diskGiB,
          maxConnections: args.maxConnections,
          adminUser: ADMIN,
          adminPassword: password,
          preload: args.extensions.filter((extension) => PRELOADED.includes(extension)),
          ...(args.moved ? { include: waitingFile } : {}),
          ...(args.restartNow ? {} : { restartWindow: args.restartWindow }),
        }),
      );
    return new HostService(`${name}-service`, { server: args.server, service: "postgres", bundle }, { parent: this });
  }

  private createProvider(name: string, args: PostgresArgs, adminPassword: pulumi.Output<string>): postgresql.Provider {
    return new postgresql.Provider(
      `${name}-connection`,
      {
        host: "127.0.0.1",
        port: this.openPort(args),
        username: ADMIN,
        password: adminPassword,
        database: "postgres",
        // The certificate is the cluster's own; who is at the other end is proven by the SSH host key.
        sslmode: "require",
        superuser: true,
      },
      { parent: this, dependsOn: [this.service] },
    );
  }

  /**
   * The forward is opened here, inside an apply, because only then the server is known and runs: it makes no resource. It stays
   * open until the program ends. A preview makes no connection, so the number alone is enough, and known from the start.
   * A bare promise carries the number on, so that the connection depends on the same resources in a preview and in the update
   * held to it: a plan with other dependencies would be refused.
   */
  private openPort({ server, forwardPort }: PostgresArgs): pulumi.Output<number> {
    if (pulumi.runtime.isDryRun()) return pulumi.output(forwardPort);
    const open = new Promise<number>((resolve, reject) => {
      pulumi
        .all([this.service.hash, server.address, server.privateKey, server.hostKey])
        .apply(([, host, privateKey, hostKey]) =>
          openForward({ host, user: server.user, privateKey, hostKey, localPort: forwardPort, remotePort: 5432 }).then(
            () => resolve(forwardPort),
            reject,
          ),
        );
    });
    return pulumi.output(open.catch((error: unknown) => this.sayWhyClosed(forwardPort, error)));
  }

  /**
   * A warning and no error: traffic must move back to blue above all when this server is dead. What does need the database fails
   * by itself on the closed port.
   */
  private async sayWhyClosed(forwardPort: number, error: unknown): Promise<number> {
    const reason = error instanceof Error ? error.message : String(error);
    await pulumi.log.warn(`no way to the database (bascule:postgres.forwardPort ${forwardPort}): ${reason}`);
    return forwardPort;
  }

  private createObjects(name: string, args: PostgresArgs, provider: postgresql.Provider): void {
    const { machine } = args.server;
    const options = {
      parent: this,
      provider,
      // A new server has an empty PostgreSQL: what is in state was lost with the old one and must be made again.
      replaceWith: [machine],
      deletedWith: machine,
      // The engine does not heed deletedWith when it replaces the server, but asks for a DROP DATABASE first, on a server that
      // may be dead. And no edit of a stack file should drop data: what is left out of it stays until dropped by hand.
      retainOnDelete: true,
    };
    const role = new postgresql.Role(
      `${name}-role`,
      {
        name: args.role,
        login: true,
        password: this.password,
        statementTimeout: args.statementTimeoutSeconds * 1000,
        idleInTransactionSessionTimeout: args.idleInTransactionSeconds * 1000,
      },
      options,
    );
    const database = new postgresql.Database(
      `${name}-database`,
      {
        name: args.database,
        owner: role.name,
        encoding: "UTF8",
        template: "template0",
        // The one collation that no update of the C library ever changes: indexes stay valid.
        lcCollate: "C.UTF-8",
        lcCtype: "C.UTF-8",
      },
      options,
    );
    for (const extension of args.extensions) {
      const suffix = extension.replaceAll("_", "-");
      new postgresql.Extension(`${name}-extension-${suffix}`, { name: extension, database: database.name }, options);
    }
    // Debian lets every role connect to every database; here only the owner may.
    const nobodyElse = new postgresql.Grant(
      `${name}-revoke-public`,
      { database: database.name, role: "public", objectType: "database", privileges: [] },
      options,
    );
    new postgresql.Grant(
      `${name}-grant-role`,
      {
        database: database.name,
        role: role.name,
        objectType: "database",
        privileges: ["CONNECT", "CREATE", "TEMPORARY"],
      },
      // Both change the same row of pg_database: at the same time one of them fails.
      { ...options, dependsOn: [nobodyElse] },
    );
  }
}
