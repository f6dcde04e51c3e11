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
  /** Ports of the application on loopback. */
  upstreamPorts: number[];
  /** Must run before Nginx forwards to it; the certificate does not wait for it. */
  upstream: pulumi.Resource;
}

/** The only public service of a server: TLS with a certificate that is there before the traffic is. */
export class Nginx extends pulumi.ComponentResource {
  constructor(name: string, args: NginxArgs, opts?: pulumi.ComponentResourceOptions) {
    super("bascule:web:Nginx", name, { domains: args.domains }, opts);
    const certificate = this.createCertificate(name, args);
    const bundle = renderNginx({
      domain: args.domains[0],
      certificate: certificatePaths(args.domains[0]),
      upstreamPorts: args.upstreamPorts,
      side: "green",
      clientMaxBodyMiB: 16,
      image: args.image,
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
