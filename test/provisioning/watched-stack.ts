import { rmSync, symlinkSync } from "node:fs";
import { delimiter, join } from "node:path";
import { parseCheck } from "../../provisioning/hostctl/answer.ts";
import { EngineRun } from "../support/engine-run.ts";
import { PluginsProcess } from "../support/engine-side.ts";
import type { TestServer } from "./server.ts";

const root = join(import.meta.dirname, "../..");

/** A stack of nothing but the state of one server, with the releases that run there as the wanted ones. */
export async function watchedStack(server: TestServer): Promise<{
  ok(...args: string[]): Promise<string>;
  discard(): Promise<void>;
}> {
  const plugins = new PluginsProcess();
  await plugins.ready();
  const path = [join(root, "node_modules/.bin"), process.env.PATH, join(root, "automation/dynamic")].join(delimiter);
  const run = new EngineRun(plugins, "test", () => ({ PATH: path }));
  rmSync(join(run.directory, "program/package.json"));
  symlinkSync(join(root, "package.json"), join(run.directory, "program/package.json"));
  const { body } = await server.hostctl("check");
  const services = parseCheck(JSON.stringify(body)).map(({ service, hash }) => ({ service, hash }));
  run.program(`
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { HostState } from "${root}/components/host-state.ts";

const services = ${JSON.stringify(services)};
new HostState("state", {
  machine: new random.RandomString("machine", { length: 4 }),
  address: pulumi.output("${server.address}"),
  user: "deploy",
  hostKey: pulumi.output("${server.hostKey}"),
  privateKey: new pulumi.Config().requireSecret("key"),
  services: services.map(({ service, hash }) => ({ service, hash: pulumi.output(hash) })),
});
`);
  await run.ok("stack", "init", "dev");
  await run.ok("config", "set", "--secret", "key", "--", server.privateKey);
  return {
    ok: (...args) => run.ok(...args),
    discard: async () => {
      run.discard();
      await plugins.stop();
    },
  };
}
