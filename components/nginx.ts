import * as pulumi from "@pulumi/pulumi";
import type { Image } from "../provisioning/image.ts";
import { renderNginx } from "../provisioning/nginx/render.ts";
import { certificatePaths, renderTls } from "../provisioning/tls/render.ts";
import type { Settings } from "../settings/schema.ts";
import { HostService } from "./host-service.ts";
import type { Server } from "./server.ts";

export interface NginxArgs {
  server: Server;
  image: Image;
  /** Names in the certificate; the first is the public one. A change fetches a new certificate. */
  domains: [string, ...string[]];
  /** Zone of all the names. */
  zone: string;
  acme: Settings["acme"];
  /** Secret; edits the zone's records for the DNS challenge. */
  acmeDnsToken: pulumi.Output<string>;
  /** How the site is served. */
  site: Settings["nginx"];
  /** Ports of the application on loopback. */
  upstreamPorts: number[];
  /** Port of the HTTP cache on loopback, where there is one. */
  cachePort?: number;
  /** Path of the application's health check. */
  healthPath: string;
  /** Who gets in while the site is closed, and is not limited. */
  adminCidrs: string[];
  /** Proxies beside Cloudflare's own that may say who a visitor is. */
  proxyCidrs: string[];
  /** What Nginx forwards to must run before; the certificate does not wait for it. */
  upstream: pulumi.Resource;
}

/** The only public service of a server: TLS with a certificate that is there before the traffic is. */
export class Nginx extends pulumi.ComponentResource {
  constructor(name: string, args: NginxArgs, opts?: pulumi.ComponentResourceOptions) {
    super("bascule:web:Nginx", name, { domains: args.domains }, opts);
    const certificate = this.createCertificate(name, args);
    const { site } = args;
    const bundle = renderNginx({
      domain: args.domains[0],
      ownName: args.domains[1],
      certificate: certificatePaths(args.domains[0]),
      upstreamPorts: args.upstreamPorts,
      healthPath: args.healthPath,
      cachePort: args.cachePort,
      side: "green",
      image: args.image,
      insiders: args.adminCidrs,
      trustedProxies: args.proxyCidrs,
      serve: site.serve,
      mode: site.mode,
      clientMaxBodyMiB: site.maxBodyMiB,
      rate: { perSecond: site.requestsPerSecond, burst: site.burst },
      hstsSeconds: site.hstsSeconds,
      frames: site.frames,
      appTimeoutSeconds: site.appTimeoutSeconds,
      privatePaths: site.privatePaths,
    });
    new HostService(
      `${name}-service`,
      { server: args.server, service: "nginx", bundle },
      { parent: this, dependsOn: [certificate, args.upstream] },
    );
    this.registerOutputs();
  }

  private createCertificate(name: string, args: NginxArgs): HostService {
    const bundle = args.acmeDnsToken.apply((dnsToken) =>
      renderTls({ ...args.acme, domains: args.domains, zone: args.zone, dnsToken, image: args.image }),
    );
    return new HostService(`${name}-certificate`, { server: args.server, service: "tls", bundle }, { parent: this });
  }
}
