import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../support/local-cloud.ts";

const bin = new URL("../../automation/bin.mjs", import.meta.url).pathname;
const [current, before] = ["b".repeat(64), "a".repeat(64)];

const outputs = {
  serverAddress: "203.0.113.10",
  domain: "shop.example.org",
  weight: 100,
  steering: "load-balancer",
  deployUser: "deploy",
  hostKey: "ssh-ed25519 AAAA",
  forwardPort: 15432,
};
const config = {
  "bascule:sshPrivateKey": { value: "a key", secret: true },
  "bascule:app": { value: '{"name":"shop"}', secret: false },
};
const kept = {
  current: "two",
  releases: [
    { hash: "two", archives: [{ path: `/srv/shop/releases/${current}`, sha256: current }] },
    { hash: "one", archives: [{ path: `/srv/shop/releases/${before}`, sha256: before }] },
  ],
};

/** The command itself, with an engine and a server that only answer what they are asked. */
describe("bascule release rollback", () => {
  let folder: string;
  let calls: string;

  const program = (name: string, answers: Record<string, object | string>) => {
    const said = (answer: object | string) => (typeof answer === "string" ? answer : JSON.stringify(answer));
    const cases = Object.entries(answers).map(([words, answer]) => `*"${words}"*) echo '${said(answer)}' ;;`);
    const text = `#!/bin/sh\necho "${name} $*" >> ${calls}\ncase "$*" in ${cases.join("\n")}\n*) exit 9 ;; esac\n`;
    writeFileSync(join(folder, "bin", name), text, { mode: 0o755 });
  };
  const rollback = (...more: string[]) =>
    run(process.execPath, [bin, "release", "rollback", "--stack", "prod", "--cwd", folder, "--json", ...more], {
      PATH: `${join(folder, "bin")}:/usr/bin:/bin`,
      XDG_CACHE_HOME: folder,
      XDG_STATE_HOME: folder,
    });
  /** What was asked, in order, without options. */
  const asked = () =>
    readFileSync(calls, "utf8")
      .trim()
      .split("\n")
      .map((line) => /pulumi \w+|hostctl \w+|-O exit/.exec(line)?.[0]);

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "bascule-rollback-"));
    calls = join(folder, "calls");
    mkdirSync(join(folder, "bin"));
    writeFileSync(join(folder, "Pulumi.prod.yaml"), "config:\n  bascule:app:\n    name: shop\n");
    program("pulumi", { "config --show-secrets": config, "stack output": outputs, version: "v3.259.0" });
    program("ssh", { "hostctl releases": kept, "hostctl revert": { result: "changed" }, "-O exit": "" });
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("asks for nothing but the way to green before the instances restart; papers come after", async () => {
    await rollback("--plugins", "stand-in");
    const order = asked();
    assert.deepEqual(order.slice(0, 2).sort(), ["pulumi config", "pulumi stack"]);
    assert.deepEqual(order.slice(2, 6), ["hostctl releases", "hostctl revert", "-O exit", "pulumi version"]);
    assert.match(readFileSync(calls, "utf8"), /revert --service app-shop --to one$/m);
  });

  it("says what runs also when that cannot be recorded, and keeps to it in the stack file", async () => {
    const { code, stdout, stderr } = await rollback("--plugins", "stand-in");
    const { seconds, ...result } = JSON.parse(stdout);
    assert.deepEqual(result, { from: current, to: before, recorded: false });
    assert.ok(seconds > 0 && seconds < 60, `${seconds} s`);
    assert.equal(code, 1);
    assert.match(stderr, /the release runs and the stack file holds on to it.*stack 'prod' is not on the local cloud/);
    assert.match(readFileSync(join(folder, "Pulumi.prod.yaml"), "utf8"), new RegExp(`release: "?${before}`));
  });

  it("changes nothing when the server refuses", async () => {
    program("ssh", { "hostctl releases": kept, "-O exit": "" });
    const { code, stdout, stderr } = await rollback();
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(stderr, /hostctl revert --service app-shop --to one failed on green/);
    assert.doesNotMatch(readFileSync(join(folder, "Pulumi.prod.yaml"), "utf8"), /release/);
    assert.ok(!asked().includes("pulumi version"));
  });
});
