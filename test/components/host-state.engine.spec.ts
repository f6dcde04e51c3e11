import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { EngineRun } from "../support/engine-run.ts";
import { PluginsProcess } from "../support/engine-side.ts";
import { type AnsweringStack, answeringStack } from "./answering-ssh.ts";

const root = join(import.meta.dirname, "../..");
const key = "PRIVATE-KEY-CANARY";

/** The resource on a server that is only a name; who answers for it is an `ssh` on PATH. */
const program = `
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { HostState } from "${root}/components/host-state.ts";

const machine = new random.RandomString("machine", { length: 4 });
const hash = new pulumi.Config().require("hash");
new HostState("state", {
  machine,
  address: pulumi.output("192.0.2.1"), user: "deploy", hostKey: pulumi.output("ssh-ed25519 AAAA"),
  privateKey: pulumi.secret("${key}"),
  services: [{ service: "base", hash: pulumi.output("00") }, { service: "postgres", hash: pulumi.output(hash) }],
});
`;

describe("components: the state of a host, in the real engine", function () {
  this.timeout(120_000);
  const plugins = new PluginsProcess();
  let at: AnsweringStack;
  let stack: EngineRun;
  const file = (name: string) => join(stack.directory, name);
  const up = ["up", "--yes", "--skip-preview"];

  /** What the host answers from now on. */
  const host = (hash: string, drift: object[] = [], code = drift.length > 0 ? 10 : 0) => {
    const services = [
      { service: "base", hash: "00", drift: [] },
      { service: "postgres", hash, drift },
    ];
    at.answer(JSON.stringify({ clean: drift.length === 0, services }), code);
  };
  const calls = () => at.calls().map((line) => line.replace(/^.*\/usr\/local\/sbin\//, ""));
  const edited = { kind: "file", name: "/etc/postgresql/x.conf", what: "content", expected: "abc", actual: "zzz" };

  before(async () => {
    at = await answeringStack(plugins, program);
    stack = at.stack;
    host("11");
    await stack.ok("stack", "init", "dev");
    await stack.ok("config", "set", "hash", "11");
  });
  after(async () => {
    stack.discard();
    await plugins.stop();
  });

  it("looks once when it is made, and not at all when nothing changes", async () => {
    await stack.ok(...up);
    assert.deepEqual(calls(), ["hostctl check --json"]);
    await stack.ok(...up, "--expect-no-changes");
    await stack.ok("preview", "--expect-no-changes");
    assert.deepEqual(calls(), []);
  });

  it("a refresh looks once, and finds nothing where nothing is", async () => {
    await stack.ok("preview", "--refresh", "--expect-no-changes");
    assert.deepEqual(calls(), ["hostctl check --json"]);
    await stack.ok("refresh", "--yes", "--skip-preview", "--expect-no-changes");
    assert.deepEqual(calls(), ["hostctl check --json"]);
  });

  it("shows in a preview with refresh what somebody changed, and the way back; without refresh it asks nobody", async () => {
    host("11", [edited]);
    await stack.ok("preview", "--expect-no-changes");
    assert.deepEqual(calls(), []);
    const output = await stack.ok("preview", "--refresh", "--diff");
    assert.match(output, /postgres: "ok 11" => "drift: file \/etc\/postgresql\/x\.conf content abc => zzz"/);
    assert.match(output, /postgres: "drift: file \/etc\/postgresql\/x\.conf content abc => zzz" => "ok 11"/);
    assert.match(output, /~ 1 to update/);
    assert.deepEqual(calls(), ["hostctl check --json"]);
  });

  it("a repair that is not to be had fails, and is asked for again the next time", async () => {
    host("11", [edited], 20);
    // The refresh itself must find the difference, so the host answers it as usual.
    writeFileSync(
      file("bin/ssh"),
      readFileSync(file("bin/ssh"), "utf8").replace("exit $(", "case $* in *repair*) exit 20;; *) exit 10;; esac # $("),
    );
    const { code, output } = await stack.pulumi(...up, "--refresh");
    assert.notEqual(code, 0);
    assert.match(output, /was not repaired/);
    assert.match(await stack.ok("preview"), /~ 1 to update/);
    writeFileSync(file("bin/ssh"), readFileSync(file("bin/ssh"), "utf8").replace(/case .* # /, "exit "));
  });

  it("repairs in one call what the preview has shown, and is then at rest", async () => {
    calls();
    host("11");
    // The state knows of the difference from the refresh before.
    assert.match(await stack.ok(...up), /~ 1 updated/);
    assert.deepEqual(calls(), ["hostctl repair --json --service postgres=11"]);
    await stack.ok("preview", "--refresh", "--expect-no-changes");
  });

  it("a host that does not answer is no host in order", async () => {
    host("11", [], 255);
    const output = await stack.ok("preview", "--refresh", "--diff");
    assert.match(output, /base +: "ok 00" => "unknown: ssh ended"/);
    assert.match(output, /postgres: "ok 11" => "unknown: ssh ended"/);
  });

  it("an ordinary change of a service asks once, and whether it arrived", async () => {
    host("22");
    calls();
    await stack.ok("config", "set", "hash", "22");
    assert.match(await stack.ok(...up), /~ 1 updated/);
    assert.deepEqual(calls(), ["hostctl repair --json --service postgres=22"]);
  });

  it("keeps neither the key nor a path of this machine in the state", async () => {
    const { deployment } = JSON.parse(await stack.ok("stack", "export")) as {
      deployment: { resources: { type: string; inputs?: object; outputs?: object }[] };
    };
    const resource = deployment.resources.find(({ type }) => type === "pulumi-nodejs:dynamic/bascule:HostState");
    const text = JSON.stringify([resource?.inputs, resource?.outputs]);
    assert.match(text, /"services"/);
    for (const word of [key, stack.directory, root]) assert(!text.includes(word), word);
  });

  it("goes without asking anybody", async () => {
    calls();
    host("22", [], 255);
    await stack.ok("destroy", "--yes", "--skip-preview");
    assert.deepEqual(calls(), []);
  });
});
