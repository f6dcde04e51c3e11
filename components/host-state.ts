import * as pulumi from "@pulumi/pulumi";
import type * as provider from "../provisioning/host-state/provider.ts";
import type { Server } from "./server.ts";

/** The folder of package.json is the checkout, also where a project's files are links into it; the state names no path. */
const load = async (): Promise<typeof provider> => {
  const { realpathSync } = await import("node:fs");
  const { pathToFileURL } = await import("node:url");
  return import(new URL("provisioning/host-state/provider.ts", pathToFileURL(realpathSync("package.json"))).href);
};

/** What the engine keeps as text in the state, and runs: as little as possible, since old text cannot be mended. */
const calls: pulumi.dynamic.ResourceProvider = {
  create: async (inputs) => (await load()).create(inputs),
  read: async (id, known) => (await load()).read(id, known),
  update: async (id, olds, news) => (await load()).update(id, olds, news),
  diff: async (id, olds, news) => (await load()).diff(id, olds, news),
};

/**
 * What really is on one server. A refresh asks it, over one SSH connection, and shows what differs from what was applied; an
 * update has it repaired. Without a difference nothing is asked: a preview and an `up` make no connection for it.
 */
export class HostState extends pulumi.dynamic.Resource {
  /** Made after the last service of the server: it knows those that are on its list by then. */
  constructor(name: string, server: Server, opts?: pulumi.CustomResourceOptions) {
    const login = pulumi.secret({
      host: server.address,
      user: server.user,
      privateKey: server.privateKey,
      hostKey: server.hostKey,
    });
    const wanted = server.services.map(({ service, hash }) =>
      hash.apply((known): [string, string] => [service, `ok ${known}`]),
    );
    super(
      calls,
      name,
      {
        login,
        server: server.machine.id,
        services: pulumi.all(wanted).apply((entries) => Object.fromEntries(entries)),
      },
      { ...opts, deletedWith: server.machine, additionalSecretOutputs: ["login"] },
      "bascule",
      "HostState",
    );
  }
}
