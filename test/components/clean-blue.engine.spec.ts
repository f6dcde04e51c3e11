import assert from "node:assert/strict";
import { join } from "node:path";
import type { EngineRun } from "../support/engine-run.ts";
import { PluginsProcess } from "../support/engine-side.ts";
import { type AnsweringStack, answeringStack } from "./answering-ssh.ts";

const root = join(import.meta.dirname, "../..");
const key = "PRIVATE-KEY-CANARY";

/** The resource beside one it depends on, as it depends on the whole stack; who answers for green is an `ssh` on PATH. */
const program = `
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { CleanBlue } from "${root}/components/clean-blue.ts";

const config = new pulumi.Config();
const machine = new random.RandomString("machine", { length: 4 });
if (config.getBoolean("moves") ?? true)
  new CleanBlue("clean-blue", {
    address: pulumi.output(config.get("address") ?? "192.0.2.1"), user: "deploy", hostKey: pulumi.output("ssh-ed25519 AAAA"),
    privateKey: pulumi.secret("${key}"),
  }, { dependsOn: [machine] });
`;

describe("components: what a destroy does to blue, in the real engine", function () {
  this.timeout(120_000);
  const plugins = new PluginsProcess();
  let at: AnsweringStack;
  let stack: EngineRun;
  const up = ["up", "--yes", "--skip-preview"];
  const destroy = ["destroy", "--yes", "--skip-preview"];

  /** What green's job answers from now on. */
  const green = (state: string, events: object[] = [], code = 0) => {
    const output = events.map((event) => `${JSON.stringify(event)}\n`).join("");
    at.answer(`{"started": true}\n${JSON.stringify({ state, exitCode: 0, output })}\n`, code);
  };
  const calls = () => at.calls().join("\n");
  const names = async () => {
    const { deployment } = JSON.parse(await stack.ok("stack", "export"));
    return (deployment.resources ?? []).map(({ urn }: { urn: string }) => urn.split("::").at(-1));
  };

  before(async () => {
    at = await answeringStack(plugins, program);
    stack = at.stack;
    green("failed");
    await stack.ok("stack", "init", "dev");
  });
  after(async () => {
    stack.discard();
    await plugins.stop();
  });

  it("asks nobody before its end, wherever green goes", async () => {
    await stack.ok(...up);
    await stack.ok("config", "set", "address", "192.0.2.2");
    assert.match(await stack.ok(...up), /~ 1 updated/);
    await stack.ok(...up, "--expect-no-changes");
    await stack.ok("refresh", "--yes", "--skip-preview", "--expect-no-changes");
    assert.equal(calls(), "");
  });

  it("refuses while green has the writes, and nothing of the stack is deleted", async () => {
    green("failed", [{ event: "error", kind: "refused", message: "green takes the writes: bascule rollback" }]);
    const { code, output } = await stack.pulumi(...destroy);
    assert.notEqual(code, 0);
    assert.match(
      output,
      /blue's database was not cleaned: green takes the writes: bascule rollback\. Next: .*--stack dev/,
    );
    assert.match(calls(), /deploy@192\.0\.2\.2 .*mover\/run clean-blue.*hostctl job wait --name data-clean-blue/);
    const left = await names();
    assert.ok(left.includes("machine") && left.includes("clean-blue"), left.join(" "));
  });

  it("refuses where green does not answer, and names the command that needs no green", async () => {
    green("", [], 255);
    const { code, output } = await stack.pulumi(...destroy);
    assert.notEqual(code, 0);
    assert.match(output, /192\.0\.2\.2 does not answer .*bascule data clean-blue --stack dev.*pulumi state delete/);
    assert.ok((await names()).includes("machine"));
  });

  it("refuses where it hears nothing it understands", async () => {
    green("running");
    const { code, output } = await stack.pulumi(...destroy);
    assert.notEqual(code, 0);
    assert.match(output, /blue's database was not cleaned/);
  });

  it("keeps neither the key nor a path of this machine in the state", async () => {
    const { deployment } = JSON.parse(await stack.ok("stack", "export")) as {
      deployment: { resources: { type: string; inputs?: object; outputs?: object }[] };
    };
    const resource = deployment.resources.find(({ type }) => type === "pulumi-nodejs:dynamic/bascule:CleanBlue");
    const text = JSON.stringify([resource?.inputs, resource?.outputs]);
    assert.match(text, /"stack"/);
    for (const word of [key, stack.directory, root]) assert(!text.includes(word), word);
  });

  it("goes before everything else once blue is cleaned, also where the move is taken out of the settings", async () => {
    green("done");
    calls();
    await stack.ok("config", "set", "moves", "false");
    assert.match(await stack.ok(...up), /- 1 deleted/);
    assert.match(calls(), /clean-blue/);
    await stack.ok("config", "set", "moves", "true");
    await stack.ok(...up);
    await stack.ok(...destroy);
    assert.match(calls(), /clean-blue/);
    assert.deepEqual(await names(), []);
  });
});
