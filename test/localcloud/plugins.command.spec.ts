import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { prepareLogin } from "../../localcloud/plugins/command/login.ts";
import { diffInputs } from "../../localcloud/plugins/diff.ts";
import { Blob, type Properties } from "../../localcloud/plugins/values.ts";
import { contextOf, providerOf, resourceOf } from "../support/plugins.ts";

const HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f comment";

async function local(inputs: Properties, context = contextOf<unknown>(null, "job")) {
  const command = await resourceOf("command:local:Command");
  return { context, live: await command.create(context, inputs) };
}

describe("plugins: local.Command", () => {
  after(async () => (await providerOf("command")).close?.());

  it("keeps both outputs without their last line break, and shows the lines as they come", async () => {
    const { context, live } = await local({ create: "echo one; echo two; echo three >&2" });
    assert.deepEqual(live.state, { stdout: "one\ntwo", stderr: "three" });
    assert.match(live.id, /^job[0-9a-f]{8}$/);
    assert.deepEqual([...context.said].sort(), ["one", "three", "two"]);
  });

  it("passes stdin, variables and directory, and uses the interpreter asked for", async () => {
    const directory = mkdtempSync(join(tmpdir(), "command-"));
    const { live } = await local({
      create: "process.stdin.pipe(process.stdout); console.log(process.env.A, process.cwd())",
      interpreter: [process.execPath, "-e"],
      stdin: "in",
      dir: directory,
      environment: { A: "b c" },
      logging: "none",
    });
    assert.equal(live.state.stdout, `b c ${directory}\nin`);
    rmSync(directory, { recursive: true });
  });

  it("shows only what logging asks for", async () => {
    const { context } = await local({ create: "echo out; echo err >&2", logging: "stderr" });
    assert.deepEqual(context.said, ["err"]);
  });

  it("fails with the command and all it said", async () => {
    await assert.rejects(local({ create: "echo out; echo bad >&2; exit 7" }), (error: Error) => {
      assert.match(error.message, /^exit status 7: running "echo out; echo bad >&2; exit 7":\n(out\nbad|bad\nout)\n$/);
      return true;
    });
  });

  it("an update runs the update command, else the create command, and knows what was said before", async () => {
    const command = await resourceOf("command:local:Command");
    const run = (wanted: Properties) =>
      command.update?.(contextOf<unknown>(null), {
        id: "x",
        state: { stdout: "before" },
        old: {},
        new: wanted,
        changed: () => true,
      });
    const said = 'echo "$0 $PULUMI_COMMAND_STDOUT"';
    assert.equal((await run({ create: `${said}; echo c`, update: `${said}; echo u` }))?.stdout, "/bin/sh before\nu");
    assert.equal((await run({ create: said, addPreviousOutputInEnv: false }))?.stdout, "/bin/sh ");
    assert.deepEqual(await run({ delete: "exit 1" }), {});
  });

  it("a delete runs the delete command, and nothing without one", async () => {
    const command = await resourceOf("command:local:Command");
    await command.delete(contextOf<unknown>(null), "x", { create: "exit 1" });
    await assert.rejects(
      command.delete(contextOf<unknown>(null), "x", { delete: "exit 3" }),
      /exit status 3: running "exit 3"/,
    );
  });

  it("ends when the engine cancels", async () => {
    const context = contextOf<unknown>(null);
    const running = local({ create: "trap '' TERM; sleep 30 & wait" }, context);
    setTimeout(() => context.cancel(), 100);
    const began = Date.now();
    await assert.rejects(running, /cancelled/);
    assert.ok(Date.now() - began < 5000);
  });
});

describe("plugins: how ssh is called", () => {
  after(async () => (await providerOf("command")).close?.());

  it("with the pinned key and no other, no configuration of the user's, and waits as told", async () => {
    const { options, target } = await prepareLogin({
      host: "198.18.1.2",
      port: 2200,
      user: "deploy",
      privateKey: "k",
      hostKey: HOST_KEY,
      perDialTimeout: 7,
    });
    assert.equal(target, "deploy@198.18.1.2");
    const text = options.join(" ");
    for (const part of [
      "-F none",
      "-p 2200",
      "StrictHostKeyChecking=yes",
      "HostKeyAlias=pinned",
      "HostKeyAlgorithms=ssh-ed25519",
      "IdentitiesOnly=yes",
      "BatchMode=yes",
      "ConnectTimeout=7",
    ]) {
      assert.ok(text.includes(part), `${part} is not in ${text}`);
    }
  });

  it("without a host key it takes any, as the official provider does", async () => {
    const { options } = await prepareLogin({ host: "198.18.1.2", perDialTimeout: 0 });
    assert.ok(options.includes("StrictHostKeyChecking=no"));
    assert.ok(!options.some((option) => option.startsWith("ConnectTimeout")));
  });

  it("no secret is on the command line", async () => {
    const hop = { host: "198.18.1.3", password: "pass-1", privateKey: "key-1", privateKeyPassword: "phrase-1" };
    const { options, environment } = await prepareLogin({ ...hop, host: "198.18.1.2", proxy: hop });
    const shown = `${options.join(" ")} ${JSON.stringify(environment)}`;
    for (const secret of ["pass-1", "key-1", "phrase-1"]) assert.ok(!shown.includes(secret), secret);
    assert.ok(
      options.some(
        (option) => option.startsWith("ProxyCommand=env SSH_ASKPASS=") && option.endsWith("-W %h:%p root@198.18.1.3"),
      ),
    );
  });

  it("a host key of another form is refused", async () => {
    await assert.rejects(prepareLogin({ host: "198.18.1.2", hostKey: "AAAA" }), /failed to parse host key/);
  });

  it("a host where nobody listens is tried as often as told, and then named", async () => {
    const command = await resourceOf("command:remote:Command");
    const context = contextOf<unknown>(null);
    const connection = { host: "127.0.0.1", port: 1, user: "deploy", dialErrorLimit: 2, perDialTimeout: 2 };
    await assert.rejects(
      command.create(context, { connection, create: "id" }),
      /after 2 failed attempts: cannot log in to deploy@127\.0\.0\.1: .*refused/,
    );
    assert.deepEqual(context.said, ["Dial 1/2 failed: retrying", "Dial 2/2 failed: retrying"]);
  });
});

describe("plugins: remote.CopyToRemote, what it takes", () => {
  const wrong = async (source: Blob) =>
    (await resourceOf("command:remote:CopyToRemote")).check?.({ source })?.map(({ reason }) => reason);

  it("files by an absolute path, and texts", async () => {
    assert.deepEqual(await wrong(new Blob("asset", { path: "/a", hash: "1" })), []);
    assert.deepEqual(await wrong(new Blob("asset", { text: "", hash: "1" })), []);
  });

  it("neither archives nor addresses, nor a path that depends on where the plugin runs", async () => {
    assert.match(String(await wrong(new Blob("archive", { path: "/a" }))), /single files only/);
    assert.match(String(await wrong(new Blob("asset", { uri: "https://example.org/x" }))), /path-based file asset/);
    assert.match(String(await wrong(new Blob("asset", { path: "dist/x" }))), /absolute path/);
  });

  it("the same content elsewhere is no change", async () => {
    const resource = await resourceOf("command:remote:CopyToRemote");
    const at = (path: string, hash: string) => ({ source: new Blob("asset", { path, hash }) });
    assert.deepEqual(diffInputs(resource, at("/a", "1"), at("/b", "1")).changed, []);
    assert.deepEqual(diffInputs(resource, at("/a", "1"), at("/a", "2")).changed, ["source"]);
  });
});
