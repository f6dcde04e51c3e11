import * as pulumi from "@pulumi/pulumi";
import type { Image } from "../provisioning/image.ts";
import { renderNoVarnish, renderVarnish } from "../provisioning/varnish/render.ts";
import type { Settings } from "../settings/schema.ts";
import { HostService } from "./host-service.ts";
import type { Server } from "./server.ts";

export interface VarnishArgs {
  server: Server;
  image: Image;
  /** Whether there is one, and how large; false takes it off the server. */
  cache: Settings["varnish"];
  /** How long an instance may take, as Nginx is told. */
  appTimeoutSeconds: number;
}

/** The HTTP cache between Nginx and the application. */
export class Varnish extends pulumi.ComponentResource {
  constructor(name: string, args: VarnishArgs, opts?: pulumi.ComponentResourceOptions) {
    const { server, image, cache, appTimeoutSeconds } = args;
    super("bascule:web:Varnish", name, { enabled: cache.enabled }, opts);
    const bundle = cache.enabled ? renderVarnish({ image, ...cache, appTimeoutSeconds }) : renderNoVarnish();
    new HostService(`${name}-service`, { server, service: "varnish", bundle }, { parent: this });
    this.registerOutputs();
  }
}
