import * as pulumi from "@pulumi/pulumi";
import type * as provider from "../provisioning/mover/clean-blue.ts";
import type { Server } from "./server.ts";

/** As with `HostState`: the state holds a few lines that load the checkout's code. */
const load = async (): Promise<typeof provider> => {
  const { realpathSync } = await import("node:fs");
  const { pathToFileURL } = await import("node:url");
  return import(new URL("provisioning/mover/clean-blue.ts", pathToFileURL(realpathSync("package.json"))).href);
};

const calls: pulumi.dynamic.ResourceProvider = {
  create: async (inputs) => (await load()).create(inputs),
  update: async (id, olds, news) => (await load()).update(id, olds, news),
  diff: async (id, olds, news) => (await load()).diff(id, olds, news),
  delete: async (id, known) => (await load()).delete(id, known),
};

/**
 * What keeps a `pulumi destroy` in the middle of a move from leaving a replication slot on blue, for which its disk would fill up.
 * Made last and so deleted first: it has green take its traces away from blue's database, or refuses, before anything else goes.
 */
export class CleanBlue extends pulumi.dynamic.Resource {
  /** @param opts must depend on everything of the stack */
  constructor(name: string, server: Server, opts: pulumi.CustomResourceOptions) {
    const login = pulumi.secret({
      host: server.address,
      user: server.user,
      privateKey: server.privateKey,
      hostKey: server.hostKey,
    });
    super(
      calls,
      name,
      { login, stack: pulumi.getStack() },
      { ...opts, additionalSecretOutputs: ["login"] },
      "bascule",
      "CleanBlue",
    );
  }
}
