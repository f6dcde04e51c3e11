import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { createServer } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { gatePlace } from "../../automation/gate.ts";
import { EngineRun } from "../support/engine-run.ts";
import { PluginsProcess } from "../support/engine-side.ts";

const root = `${import.meta.dirname}/../..`;

/** What moves traffic is a command here that tells the weight. */
const program = `
import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { trafficGate } from "${root}/components/traffic-gate.ts";

const weight = new pulumi.Config().require("weight");
const triggers = [new pulumi.Config().get("name") ?? "shop"];
const traffic = new command.local.Command("traffic", { create: "echo $WEIGHT", environment: { WEIGHT: weight }, triggers }, trafficGate());
export const said = traffic.stdout;
`;

describe("components: the gate before traffic, in the real engine", function () {
  this.timeout(120_000);
  const gates = gatePlace();
  const plugins = new PluginsProcess(gates.variables);
  let stack: EngineRun;
  const up = ["up", "--yes", "--skip-preview"];
  const said = async () => (await stack.ok("stack", "output", "said")).trim();
  const refused = async (why: RegExp) => {
    const { code, output } = await stack.pulumi(...up);
    assert.notEqual(code, 0);
    assert.match(output, why);
    assert.equal(await said(), "0");
    const { deployment } = JSON.parse(await stack.ok("stack", "export"));
    assert.equal(deployment.pending_operations, undefined);
  };

  before(async () => {
    await plugins.ready();
    stack = new EngineRun(plugins, "test", () => gates.variables);
    stack.program(program);
    await stack.ok("stack", "init", "dev");
    await stack.ok("config", "set", "weight", "0");
    await stack.ok(...up);
    await stack.ok("config", "set", "weight", "100");
  });
  after(async () => {
    stack?.discard();
    gates.remove();
    await plugins.stop();
  });

  it("keeps traffic where it is when the answer is no, and leaves nothing half done", async () => {
    const gate = await gates.putUp();
    gate.say("the writes did not come back");
    await refused(/traffic stays where it is: the writes did not come back/);
    gate.takeDown();
  });

  it("keeps traffic where it is when whoever moves the data ends without a word", async () => {
    const mute = createServer((socket) => socket.end());
    mute.listen(gates.variables.BASCULE_TRAFFIC_GATE);
    await once(mute, "listening");
    await refused(/traffic stays where it is: nobody said that the data has arrived/);
    mute.close();
  });

  it("keeps traffic where it is when whoever moved the data was killed before it was asked", async () => {
    const script = `require("node:net").createServer().listen(process.argv[1], () => process.kill(process.pid, "SIGKILL"))`;
    spawnSync(process.execPath, ["-e", script, gates.variables.BASCULE_TRAFFIC_GATE ?? ""]);
    await refused(/traffic stays where it is: whoever moves the data is gone/);
    rmSync(gates.variables.BASCULE_TRAFFIC_GATE ?? "");
  });

  it("keeps traffic as it is where it would be made anew", async () => {
    await stack.ok("config", "set", "name", "other");
    const gate = await gates.putUp();
    gate.say("go");
    await refused(/traffic stays where it is: it would not be moved but made anew/);
    gate.takeDown();
    await stack.ok("config", "rm", "name");
  });

  it("is not asked by a preview, lets traffic pass when it is told so, and not before", async () => {
    const gate = await gates.putUp();
    try {
      const began = performance.now();
      await stack.ok("preview");
      const preview = performance.now() - began;
      const update = stack.ok(...up);
      assert.equal(await Promise.race([update, pause(2 * preview, "it waits")]), "it waits");
      gate.say("go");
      await update;
      assert.equal(await said(), "100");
    } finally {
      gate.takeDown();
    }
  });

  it("lets traffic pass where no data is moved", async () => {
    await stack.ok("config", "set", "weight", "50");
    await stack.ok(...up);
    assert.equal(await said(), "50");
  });

  it("keeps traffic where it is when whoever ran the update has ended before it was asked", async () => {
    await stack.ok("config", "set", "weight", "0");
    gates.remove();
    const { code, output } = await stack.pulumi(...up);
    assert.notEqual(code, 0);
    assert.match(output, /traffic stays where it is: whoever moves the data is gone/);
    assert.equal(await said(), "50");
  });
});
