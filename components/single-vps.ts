import * as pulumi from "@pulumi/pulumi";
import { renderAccess } from "../provisioning/access/render.ts";
import { renderBase } from "../provisioning/base/render.ts";
import { renderFail2ban } from "../provisioning/fail2ban/render.ts";
import { renderFirewall } from "../provisioning/firewall/render.ts";
import { openings } from "../provisioning/firewall/rules.ts";
import { renderHostctl } from "../provisioning/hostctl/render.ts";
import { packagesFor } from "../provisioning/packages.ts";
import { cachePort } from "../provisioning/varnish/render.ts";
import type { Secrets } from "../settings/load.ts";
import type { Settings } from "../settings/schema.ts";
import { App, instancePorts } from "./app.ts";
import { admissionOf, Firewall } from "./firewall.ts";
import { HostService } from "./host-service.ts";
import { HostState } from "./host-state.ts";
import { Mover } from "./mover.ts";
import { type Naming, stackNaming } from "./naming.ts";
import { Network } from "./network.ts";
import { Nginx } from "./nginx.ts";
import { PgBouncer } from "./pgbouncer.ts";
import { Postgres } from "./postgres.ts";
import { Redis } from "./redis.ts";
import { Release } from "./release.ts";
import { Server } from "./server.ts";
import { architectureOf, lookUpServerSize, type ServerSize } from "./server-type.ts";
import { Varnish } from "./varnish.ts";

export interface SingleVpsArgs {
  /** Checked settings, without secrets. */
  settings: Settings;
  /** Values that stay Outputs. */
  secrets: Secrets;
}

/** A whole production on one server: database, pool, cache, application and Nginx, ready but without traffic. */
export class SingleVps extends pulumi.ComponentResource {
  readonly server: Server;
  /** Name of this server alone, whatever the weight. */
  readonly hostname: string;

  constructor(name: string, args: SingleVpsArgs, opts?: pulumi.ComponentResourceOptions) {
    const { settings } = args;
    super("bascule:topology:SingleVps", name, { domain: settings.domain, image: settings.server.image }, opts);
    this.hostname = `${name}.${settings.zone}`;
    const size = lookUpServerSize(settings, { parent: this });
    this.server = this.createServer(name, args, stackNaming(), size);
    const ground = this.createGround(name, settings);
    this.createServices(name, args, size, ground);
    new HostState(`${name}-host-state`, this.server, { parent: this });
    this.registerOutputs({ address: this.server.address });
  }

  private createServer(
    name: string,
    { settings, secrets }: SingleVpsArgs,
    naming: Naming,
    size: pulumi.Output<ServerSize>,
  ): Server {
    const { network, access, server } = settings;
    const privateNetwork = new Network(`${name}-network`, { naming, ...network }, { parent: this });
    const firewall = new Firewall(`${name}-firewall`, { naming, admission: admissionOf(settings) }, { parent: this });
    return new Server(
      `${name}-server`,
      {
        naming,
        ...server,
        // Through the size, so that nothing is ordered of a type the location does not sell.
        type: size.apply(() => server.type),
        user: access.user,
        sshPublicKey: settings.sshPublicKey,
        sshPrivateKey: secrets.sshPrivateKey,
        firewallId: firewall.firewallId,
        network: privateNetwork,
        reverseName: this.hostname,
      },
      { parent: this },
    );
  }

  /**
   * What every service stands on. First hostctl itself, so that every later bundle meets the version it was written for, then all
   * packages at once, and beside them the packet filter and the logins: both are up before there is anything to reach.
   */
  private createGround(name: string, settings: Settings): HostService[] {
    const { server } = this;
    const { image } = settings.server;
    const { user, otherKeys } = settings.access;
    const hostctl = new HostService(
      `${name}-hostctl`,
      { server, service: "hostctl", bundle: renderHostctl() },
      { parent: this, dependsOn: [server.ready] },
    );
    const afterHostctl = { parent: this, dependsOn: [hostctl] };
    const packages = packagesFor(image, [
      "firewall",
      "fail2ban",
      "postgres",
      "pgbouncer",
      "redis",
      "tls",
      "app",
      "nginx",
    ]);
    const base = new HostService(
      `${name}-base`,
      { server, service: "base", bundle: renderBase({ packages, user, ...settings.server }), timeout: "15m" },
      afterHostctl,
    );
    const filter = renderFirewall({ image, openings: openings(admissionOf(settings)) });
    const packetFilter = new HostService(
      `${name}-packet-filter`,
      { server, service: "firewall", bundle: filter, guarded: true },
      afterHostctl,
    );
    const access = new HostService(
      `${name}-access`,
      {
        server,
        service: "access",
        bundle: renderAccess({
          image,
          user,
          authorizedKeys: [...new Set([settings.sshPublicKey, ...otherKeys])],
          // PostgreSQL alone: the way for database objects and copies.
          forwardPorts: [5432],
        }),
        guarded: true,
      },
      // One change at a time that can lock out, so that it is clear which one did; the packages take longer than both.
      { parent: this, dependsOn: [packetFilter] },
    );
    return [base, access];
  }

  /**
   * At most three SSH connections at a time: sshd drops unauthenticated ones at random from ten on, and a small server does
   * not get faster by more. PostgreSQL, cache and certificate run side by side, the pool takes PostgreSQL's place.
   */
  private createServices(
    name: string,
    { settings, secrets }: SingleVpsArgs,
    size: pulumi.Output<ServerSize>,
    ground: HostService[],
  ): void {
    const { server } = this;
    const { image } = settings.server;
    // While the packages are installed, the files travel; with both there, three commands at a time are enough.
    const release = new Release(
      `${name}-release`,
      { server, app: settings.app, architecture: architectureOf(settings.server.type) },
      { parent: this, dependsOn: [server.ready] },
    );
    const afterGround = { parent: this, dependsOn: [...ground, release] };
    const postgres = new Postgres(
      `${name}-postgres`,
      {
        server,
        image,
        memoryMiB: size.postgresMiB,
        cores: size.cores,
        diskGiB: size.diskGiB,
        moved: settings.data.move === "replication",
        ...settings.postgres,
      },
      afterGround,
    );
    const redis = new Redis(
      `${name}-redis`,
      {
        server,
        image,
        policy: settings.redis.policy,
        queue: settings.redis.queue,
        maxmemoryMiB: size.cacheMiB,
        queueMaxmemoryMiB: size.queueMiB,
        moves: settings.redis.move !== undefined,
      },
      afterGround,
    );
    const { access, firewall, network } = settings;
    const spared = [...access.adminCidrs, network.cidr, ...firewall.proxyCidrs];
    new HostService(
      `${name}-fail2ban`,
      { server, service: "fail2ban", bundle: renderFail2ban({ image, spared, nginx: true }) },
      // Its turn at the server comes after the cache's.
      { parent: this, dependsOn: [redis] },
    );
    const { database, role } = settings.postgres;
    const blueDatabaseUrl = settings.data.move === "replication" ? secrets.blueDatabaseUrl : undefined;
    const blueCa = settings.blue.databaseCa;
    const pgbouncer = new PgBouncer(
      `${name}-pgbouncer`,
      { server, image, database, role, password: postgres.password, blueDatabaseUrl, blueCa, ...settings.pgbouncer },
      // It asks the database for its clients' secrets, so that must be there.
      { parent: this, dependsOn: [postgres] },
    );
    const keys = redis.move &&
      secrets.blueRedisUrl && { blueRedisUrl: secrets.blueRedisUrl, users: redis.move, redis: settings.redis };
    const createMover = (blueUrl: pulumi.Output<string>, dependsOn: pulumi.Resource[]) =>
      new Mover(
        `${name}-mover`,
        {
          server,
          image,
          node: release.node,
          database,
          role,
          password: postgres.password,
          blueDatabaseUrl: blueUrl,
          blueCa,
          ...(keys ? { keys } : {}),
          data: settings.data,
        },
        { parent: this, dependsOn },
      );
    // Where keys move the application asks the relay for them, which comes with the mover.
    const relay = blueDatabaseUrl && keys ? [createMover(blueDatabaseUrl, [pgbouncer, redis, release])] : [];
    const app = new App(
      `${name}-app`,
      {
        server,
        image,
        app: settings.app,
        release,
        database: { name: database, role, password: postgres.password },
        databaseUrl: pgbouncer.url,
        redisUrl: redis.url,
        queueUrl: redis.queueUrl,
        secrets: secrets.appSecrets,
      },
      { parent: this, dependsOn: [postgres, pgbouncer, redis, ...relay] },
    );
    // Both unpack the same Node.js; one at a time.
    if (blueDatabaseUrl && relay.length === 0) createMover(blueDatabaseUrl, [pgbouncer, release, app]);
    const { varnish, nginx } = settings;
    // A server that never had the cache is not asked to remove it.
    const cache =
      varnish.enabled === undefined
        ? undefined
        : new Varnish(
            `${name}-varnish`,
            { server, image, cache: varnish, appTimeoutSeconds: nginx.appTimeoutSeconds },
            { parent: this, dependsOn: [app] },
          );
    new Nginx(
      `${name}-nginx`,
      {
        server,
        image,
        domains: [settings.domain, this.hostname],
        zone: settings.zone,
        acme: settings.acme,
        acmeDnsToken: secrets.acmeDnsToken,
        site: nginx,
        cachePort: varnish.enabled ? cachePort : undefined,
        upstreamPorts: instancePorts(settings.app),
        healthPath: settings.app.healthPath,
        adminCidrs: settings.access.adminCidrs,
        proxyCidrs: settings.firewall.proxyCidrs,
        upstream: cache ?? app,
      },
      afterGround,
    );
  }
}
