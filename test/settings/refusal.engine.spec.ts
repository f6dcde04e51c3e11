import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { execa, type Options } from "execa";
import { ensureEngine } from "../../tools/engine.ts";

const root = join(import.meta.dirname, "../..");

/** A stack name .gitignore knows, so that nothing of a broken run can be committed. */
const stack = `test-refusal-${process.pid}`;

describe("settings: refused through the real engine", function () {
  this.timeout(60_000);
  let plugins: ChildProcess;
  let folder: string;
  let options: Options;

  const pulumi = async (args: string[], input?: string) => {
    const { exitCode, stdout } = await execa(
      "pulumi",
      [...args, "--stack", stack, "--non-interactive", "--color", "never"],
      {
        ...options,
        input: input ?? "",
        reject: false,
        all: false,
      },
    );
    return { exitCode, stdout: String(stdout) };
  };

  before(async () => {
    const engine = await ensureEngine(() => {});
    folder = mkdtempSync(join(tmpdir(), "bascule-refusal-"));
    plugins = spawn(process.execPath, ["localcloud/bin.mjs", "plugins", "--json"], {
      cwd: root,
      stdio: ["ignore", "pipe", "ignore"],
    });
    assert(plugins.stdout);
    const [line] = await once(createInterface(plugins.stdout), "line");
    const { providers, language } = JSON.parse(String(line));
    options = {
      cwd: root,
      env: {
        PATH: `${dirname(engine.path)}:${process.env.PATH}`,
        PULUMI_HOME: join(folder, "home"),
        PULUMI_BACKEND_URL: `file://${folder}`,
        PULUMI_CONFIG_PASSPHRASE: "for this test",
        PULUMI_SKIP_UPDATE_CHECK: "true",
        PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
        PULUMI_DEBUG_PROVIDERS: String(providers),
        PULUMI_DEBUG_LANGUAGES: String(language),
      },
    };
    assert.equal((await pulumi(["stack", "init"])).exitCode, 0);
  });

  after(async () => {
    plugins.kill();
    if (plugins.exitCode === null && plugins.signalCode === null) await once(plugins, "exit");
    rmSync(folder, { recursive: true, force: true });
    rmSync(join(root, `Pulumi.${stack}.yaml`), { force: true });
  });

  it("Pulumi.yaml is accepted, and an empty stack is told everything it lacks, with the commands", async () => {
    const { exitCode, stdout } = await pulumi(["preview"]);
    assert.notEqual(exitCode, 0);
    assert.match(stdout, /settings are not usable; nothing was changed:/);
    assert.match(stdout, /bascule:domain is missing .* Set it: pulumi config set bascule:domain shop\.example\.com/);
    assert.match(
      stdout,
      /bascule:sshPrivateKey is missing .* Set it: pulumi config set --secret bascule:sshPrivateKey </,
    );
    assert.doesNotMatch(stdout, /unhandled exception|at .*\.ts:\d+/);
  });

  it("an up with a misspelt key and an impossible weight names both and makes nothing", async () => {
    await pulumi(["config", "set", "bascule:domian", "shop.example.com"]);
    await pulumi(["config", "set", "--path", "bascule:traffic.weight", "101"]);
    const { exitCode, stdout } = await pulumi(["up", "--yes", "--skip-preview"]);
    assert.notEqual(exitCode, 0);
    assert.match(stdout, /bascule:domian: there is no such setting; did you mean bascule:domain\?/);
    assert.match(stdout, /bascule:traffic\.weight: got 101; allowed: a whole number from 0/);
    const exported = JSON.parse((await pulumi(["stack", "export"])).stdout);
    const made = (exported.deployment.resources ?? []).filter(
      ({ type }: { type: string }) => type !== "pulumi:pulumi:Stack",
    );
    assert.deepEqual(made, []);
  });

  it("a secret in the clear is refused without showing it", async () => {
    await pulumi(["config", "set", "--plaintext", "bascule:acmeDnsToken"], "canary-in-the-clear");
    const { exitCode, stdout } = await pulumi(["preview"]);
    assert.notEqual(exitCode, 0);
    assert.match(stdout, /bascule:acmeDnsToken: stands in the clear; allowed: encrypted only/);
    assert.doesNotMatch(stdout, /canary/);
  });
});
