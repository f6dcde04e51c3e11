import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import Docker from "dockerode";
import { imageId } from "../../localcloud/machines/engine.ts";
import type { Connection } from "../../localcloud/plugins/command/login.ts";
import { Blob, type Properties } from "../../localcloud/plugins/values.ts";
import { run } from "../support/local-cloud.ts";
import { contextOf, providerOf, resourceOf } from "../support/plugins.ts";

/** An sshd on a loopback port, in a container of the server image. */
class Host {
  readonly #docker = new Docker();
  readonly #folder = mkdtempSync(join(tmpdir(), "ssh-"));
  #container: Docker.Container | undefined;
  connection: Connection = { host: "127.0.0.1" };

  async start(): Promise<void> {
    await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(this.#folder, "id")]);
    const key = readFileSync(join(this.#folder, "id.pub"), "utf8").trim();
    const script = `mkdir -p /run/sshd /root/.ssh && echo '${key}' > /root/.ssh/authorized_keys && ssh-keygen -A && exec /usr/sbin/sshd -D`;
    this.#container = await this.#docker.createContainer({
      Image: await imageId(this.#docker, "debian-13"),
      Cmd: ["/bin/sh", "-c", script],
      ExposedPorts: { "22/tcp": {} },
      Labels: { "localcloud.instance": "plugins-spec" },
      HostConfig: { PortBindings: { "22/tcp": [{ HostIp: "127.0.0.1", HostPort: "" }] }, AutoRemove: true },
    });
    await this.#container.start();
    const port = Number((await this.#container.inspect()).NetworkSettings.Ports["22/tcp"]?.[0]?.HostPort);
    await answers(port);
    const { stdout: hostKey } = await run("ssh-keyscan", ["-p", String(port), "-t", "ed25519", "127.0.0.1"]);
    this.connection = {
      host: "127.0.0.1",
      port,
      user: "root",
      privateKey: readFileSync(join(this.#folder, "id"), "utf8"),
      hostKey:
        hostKey
          .split("\n")
          .find((line) => line.includes("ssh-ed25519"))
          ?.replace(/^\S+ /, "") ?? "",
      dialErrorLimit: 3,
      perDialTimeout: 5,
    };
  }

  async stop(): Promise<void> {
    await this.#container?.remove({ force: true });
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Waits until somebody greets on the port; Docker itself accepts before sshd does. */
async function answers(port: number): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const greeting = await new Promise<string>((resolve) => {
      const socket = connect(port, "127.0.0.1");
      socket.once("data", (data) => resolve(String(data)));
      for (const event of ["error", "close"]) socket.once(event, () => resolve(""));
      socket.setTimeout(500, () => socket.destroy());
    });
    if (greeting.startsWith("SSH-")) return;
    await pause(100);
  }
  throw new Error("sshd does not answer");
}

describe("plugins: remote.Command on a real sshd", function () {
  this.timeout(60_000);
  const host = new Host();

  before(() => host.start());
  after(async () => {
    await (await providerOf("command")).close?.();
    await host.stop();
  });

  async function command(inputs: Properties, connection: Partial<Connection> = {}, context = contextOf<unknown>(null)) {
    const resource = await resourceOf("command:remote:Command");
    const given = { connection: { ...host.connection, ...connection }, ...inputs };
    return { context, state: (await resource.create(context, given)).state };
  }

  it("feeds stdin, keeps both outputs, shows the lines", async () => {
    const { context, state } = await command({ create: "cat; echo err >&2", stdin: "one\ntwo\n" });
    assert.deepEqual(state, { stdout: "one\ntwo", stderr: "err" });
    assert.deepEqual([...context.said].sort(), ["err", "one", "two"]);
  });

  it("carries megabytes on stdin", async () => {
    assert.equal((await command({ create: "wc -c", stdin: "x".repeat(3_000_000) })).state.stdout, "3000000");
  });

  it("logs in anew for every command, also for several at a time", async () => {
    // Fewer than the ten from which sshd drops logins at random.
    const all = Array.from({ length: 8 }, () => command({ create: "echo $SSH_CONNECTION", logging: "none" }));
    const ports = (await Promise.all(all)).map(({ state }) => String(state.stdout).split(" ")[1]);
    assert.equal(new Set(ports).size, 8);
  });

  it("fails with the exit code, the command and all it said", async () => {
    const running = command({ create: "echo out; exit 7" });
    await assert.rejects(running, { message: 'Process exited with status 7: running "echo out; exit 7":\nout\n' });
  });

  it("a variable the server takes arrives, one it refuses is an error", async () => {
    const value = "a b'\"\n2";
    const { state } = await command({
      create: 'printf %s "$LC_VALUE" | od -An -tx1 | tr -d " \\n"',
      environment: { LC_VALUE: value },
    });
    assert.equal(state.stdout, Buffer.from(value).toString("hex"));
    await assert.rejects(
      command({ create: "true", environment: { SECRET: "x" } }),
      /could not set environment variable "SECRET"/,
    );
  });

  it("another host key than the pinned one is refused, and told", async () => {
    const hostKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
    const refused = command({ create: "id" }, { hostKey, dialErrorLimit: 0 });
    await assert.rejects(
      refused,
      /host key mismatch: the host shows the key SHA256:\S+, which is not the one of 'hostKey'/,
    );
  });

  it("another user is refused, after as many attempts as told", async () => {
    const context = contextOf<unknown>(null);
    await assert.rejects(
      command({ create: "id" }, { user: "nobody", dialErrorLimit: 1 }, context),
      /after 1 failed attempts: .*Permission denied/,
    );
    assert.deepEqual(context.said, ["Dial 1/1 failed: retrying"]);
  });

  it("goes by way of a bastion, with the key of each pinned", async () => {
    const { state } = await command({ create: "echo $SSH_CONNECTION" }, { port: 22, proxy: host.connection });
    assert.match(String(state.stdout), /^127\.0\.0\.1 \d+ 127\.0\.0\.1 22$/);
  });

  it("ends when the engine cancels, though the command goes on", async () => {
    const context = contextOf<unknown>(null);
    const running = command({ create: "sleep 30" }, {}, context);
    setTimeout(() => context.cancel(), 500);
    const began = Date.now();
    await assert.rejects(running, /cancelled/);
    assert.ok(Date.now() - began < 5000);
  });

  describe("remote.CopyToRemote", () => {
    const folder = mkdtempSync(join(tmpdir(), "copy-"));
    const file = join(folder, 'a "file" [1].bin');
    after(() => rmSync(folder, { recursive: true }));

    const asset = (fields: Record<string, string>) => new Blob("asset", fields);
    const wanted = (source: Blob, remotePath: string) => ({ connection: { ...host.connection }, source, remotePath });
    const remoteSum = async (path: string) =>
      String((await command({ create: `sha256sum '${path}' | cut -d' ' -f1` })).state.stdout);

    it("brings a file of megabytes over whole", async () => {
      const content = randomBytes(3_000_000);
      writeFileSync(file, content);
      const resource = await resourceOf("command:remote:CopyToRemote");
      const { id, state } = await resource.create(
        contextOf<unknown>(null),
        wanted(asset({ path: file, hash: "1" }), "/tmp/x"),
      );
      assert.match(id, /^[0-9a-f]{8}$/);
      assert.deepEqual(state, {});
      assert.equal(await remoteSum("/tmp/x"), createHash("sha256").update(content).digest("hex"));
    });

    it("writes a text, into a folder under its own name, and over what is there", async () => {
      const resource = await resourceOf("command:remote:CopyToRemote");
      await resource.create(contextOf<unknown>(null), wanted(asset({ text: "a\nb", hash: "1" }), "/tmp/a 'text'"));
      assert.equal((await command({ create: `cat "/tmp/a 'text'"` })).state.stdout, "a\nb");
      await command({ create: "mkdir -p /tmp/folder" });
      writeFileSync(file, "short");
      for (const path of ["/tmp/folder", "/tmp/x"]) {
        await resource.create(contextOf<unknown>(null), wanted(asset({ path: file, hash: "2" }), path));
      }
      assert.equal((await command({ create: "cat /tmp/x; cat /tmp/folder/*" })).state.stdout, "shortshort");
    });

    it("an update copies another content or to another place, and nothing else", async () => {
      const resource = await resourceOf("command:remote:CopyToRemote");
      const update = (old: Properties, next: Properties) =>
        resource.update?.(contextOf<unknown>(null), { id: "x", state: {}, old, new: next, changed: () => true });
      writeFileSync(file, "new");
      const before = wanted(asset({ path: file, hash: "2" }), "/tmp/x");
      assert.deepEqual(await update(before, { ...before, source: asset({ path: "/nowhere", hash: "2" }) }), {});
      await update(before, wanted(asset({ path: file, hash: "3" }), "/tmp/x"));
      assert.equal((await command({ create: "cat /tmp/x" })).state.stdout, "new");
      await resource.delete(contextOf<unknown>(null), "x", {});
      assert.equal((await command({ create: "cat /tmp/x" })).state.stdout, "new");
    });

    it("a folder that is not there, a file that is not here, and a folder as source fail by name", async () => {
      const resource = await resourceOf("command:remote:CopyToRemote");
      const copy = (path: string, remotePath: string) =>
        resource.create(contextOf<unknown>(null), wanted(asset({ path, hash: "1" }), remotePath));
      await assert.rejects(copy(file, "/nowhere/x"), /failed to copy .* to remote path \/nowhere\/x: .*No such file/s);
      await assert.rejects(copy(join(folder, "gone"), "/tmp/x"), /ENOENT/);
      await assert.rejects(copy(folder, "/tmp/x"), /is no file/);
    });
  });
});
