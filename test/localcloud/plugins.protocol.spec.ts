import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import type { ServiceError } from "@grpc/grpc-js";
import providerPb from "@pulumi/pulumi/proto/provider_pb.js";
import statusPb from "@pulumi/pulumi/proto/status_pb.js";
import { Secret, UNKNOWN } from "../../localcloud/plugins/values.ts";
import { EngineSide, PluginsProcess } from "../support/engine-side.ts";

const KEY = "hcloud:index/sshKey:SshKey";
const SERVER = "hcloud:index/server:Server";
const PASSWORD = "random:index/randomPassword:RandomPassword";
const COMMAND = "command:remote:Command";

/** An API of nothing but SSH keys that tells whose token it saw. */
function keyApi(): Promise<Server> {
  const server = createServer((request, response) => {
    const token = request.headers.authorization?.slice("Bearer ".length, "Bearer ".length + 1) ?? "";
    const ssh_key = { id: 7, name: token, fingerprint: request.url ?? "", public_key: "k", labels: {} };
    response.writeHead(request.method === "POST" ? 201 : 200, { "content-type": "application/json" });
    response.end(JSON.stringify({ ssh_key }));
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

function endpoint(server: Server): string {
  const address = server.address();
  return `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}/v1`;
}

describe("plugins: the engine's protocol", () => {
  const plugins = new PluginsProcess();
  const sides: EngineSide[] = [];

  async function engine(name: string, settings = {}): Promise<EngineSide> {
    const side = new EngineSide(plugins.port(name));
    sides.push(side);
    await side.handshake();
    await side.configure(settings);
    return side;
  }

  before(async () => {
    const told = await plugins.ready();
    assert.equal(told.pid, plugins.child.pid);
    assert.match(told.providers, /^hcloud:\d+,cloudflare:\d+,command:\d+,random:\d+,postgresql:\d+$/);
    assert.match(told.language, /^nodejs:\d+$/);
  });
  after(async () => {
    for (const side of sides) side.close();
    assert.equal(await plugins.stop(), 0, "it ends cleanly on SIGTERM");
  });

  it("every provider instance keeps its own settings, though all of them arrive at one port", async () => {
    const api = await keyApi();
    const make = (letter: string) => engine("hcloud", { token: letter.repeat(64), endpoint: endpoint(api) });
    const [one, other, third] = [await make("a"), await make("b"), await make("c")];
    const tokens = await Promise.all(
      [one, other, third, one].map(
        async (side) => (await side.create(KEY, { publicKey: "k", name: "n" })).outputs.name,
      ),
    );
    assert.deepEqual(tokens, ["a", "b", "c", "a"]);
    api.close();
  });

  it("a connection without settings gets an error, not somebody else's settings", async () => {
    const side = new EngineSide(plugins.port("hcloud"));
    sides.push(side);
    await side.handshake();
    await assert.rejects(side.create(KEY, { publicKey: "k", name: "n" }), /was not configured on this connection/);
  });

  it("what it does not have is refused with where to look", async () => {
    const side = await engine("random");
    await assert.rejects(
      side.check("random:index/randomShuffle:RandomShuffle", {}),
      /no resource random:index\/randomShuffle:RandomShuffle; docs\/plugins\.md/,
    );
  });

  it("a preview knows the inputs, and that it does not know the rest", async () => {
    const side = await engine("random");
    const { outputs } = await side.create(PASSWORD, { length: 9 }, true);
    assert.deepEqual(
      [outputs.length, outputs.special, outputs.result, outputs.overrideSpecial],
      [9, true, UNKNOWN, undefined],
    );
    const hetzner = await engine("hcloud", { token: "t".repeat(64), endpoint: "http://127.0.0.1:1/v1" });
    const planned = await hetzner.create(
      SERVER,
      { name: "s", serverType: "cx23", image: "debian-13", firewallIds: UNKNOWN },
      true,
    );
    const { location, ipv4Address, firewallIds, labels, image } = planned.outputs;
    assert.deepEqual(
      [location, ipv4Address, firewallIds, labels, image],
      [UNKNOWN, UNKNOWN, UNKNOWN, undefined, "debian-13"],
    );
  });

  it("the preview of an update keeps what stays and forgets what every run renews", async () => {
    const side = await engine("command");
    const old = { connection: { host: "127.0.0.1" }, create: "a", triggers: [1] };
    const next = await side.update(COMMAND, "x", { ...old, stdout: "o", stderr: "e" }, old, { ...old, create: "b" });
    assert.deepEqual([next.create, next.stdout, next.stderr, next.triggers], ["b", UNKNOWN, UNKNOWN, [1]]);
  });

  it("secrets are marked: passwords, bytes, connections", async () => {
    const random = await engine("random");
    const password = (await random.create(PASSWORD, { length: 9 })).outputs;
    assert.ok(password.result instanceof Secret);
    assert.ok(password.bcryptHash instanceof Secret);
    assert.equal(password.__meta, '{"schema_version":"3"}');
    const bytes = (await random.create("random:index/randomBytes:RandomBytes", { length: 4 })).outputs;
    assert.ok(bytes.base64 instanceof Secret && bytes.hex instanceof Secret);
    const command = await engine("command");
    const { inputs } = await command.check(COMMAND, {
      connection: { host: "198.18.1.2", privateKey: "k" },
      create: "id",
    });
    assert.ok(inputs.connection instanceof Secret);
  });

  it("what is gone is told as gone, and a creation that got half way is kept", async () => {
    const api = createServer((request, response) => {
      const answer = (status: number, body: object) => {
        response.writeHead(status, { "content-type": "application/json" });
        response.end(JSON.stringify(body));
      };
      const action = {
        id: 1,
        command: "create_server",
        status: "error",
        error: { code: "action_failed", message: "no disk" },
      };
      if (request.url?.startsWith("/v1/server_types"))
        answer(200, { server_types: [{ name: "cx23", architecture: "x86" }] });
      else if (request.url?.startsWith("/v1/images")) answer(200, { images: [{ id: 3, name: "debian-13" }] });
      else if (request.method === "POST") answer(201, { server: serverView, action, next_actions: [] });
      else if (request.url === "/v1/servers/42") answer(200, { server: serverView });
      else answer(404, { error: { code: "not_found", message: "not found" } });
    });
    api.listen(0, "127.0.0.1");
    await once(api, "listening");
    const side = await engine("hcloud", { token: "t".repeat(64), endpoint: endpoint(api) });
    assert.equal((await side.read(SERVER, "41", { name: "gone" }, {})).id, "");
    const error: ServiceError = await side.create(SERVER, { name: "s", serverType: "cx23", image: "debian-13" }).then(
      () => assert.fail("it was made"),
      (reason) => reason,
    );
    assert.match(error.details, /no disk \(action_failed, 1\)/);
    const [packed] = error.metadata.get("grpc-status-details-bin");
    const [detail] = statusPb.Status.deserializeBinary(Buffer.from(packed ?? "")).getDetailsList();
    const kept = providerPb.ErrorResourceInitFailed.deserializeBinary(detail?.getValue_asU8() ?? new Uint8Array());
    assert.deepEqual([kept.getId(), kept.getReasonsList()], ["42", ["no disk (action_failed, 1)"]]);
    api.close();
  });
});

describe("plugins: the process", () => {
  it("ends by itself when nobody calls for as long as told", async () => {
    const main = join(import.meta.dirname, "../../localcloud/plugins/main.ts");
    const script = `import { runPlugins } from ${JSON.stringify(main)}; await runPlugins({ idleSeconds: 0.5, json: true });`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: "ignore" });
    assert.deepEqual(await once(child, "exit"), [0, null]);
  });

  it("lets the engine wind up on Ctrl-C, then ends", async () => {
    const plugins = new PluginsProcess();
    await plugins.ready();
    const engine = new EngineSide(plugins.port("random"));
    await engine.handshake();
    plugins.child.kill("SIGINT");
    const ended = once(plugins.child, "exit");
    await engine.configure({});
    assert.equal((await engine.create("random:index/randomUuid:RandomUuid", {})).id.length, 36);
    engine.close();
    assert.deepEqual(await ended, [0, null]);
  });

  it("ends at once on a second Ctrl-C", async () => {
    const plugins = new PluginsProcess();
    await plugins.ready();
    const engine = new EngineSide(plugins.port("command"));
    await engine.handshake();
    await engine.configure({});
    const began = Date.now();
    const working = engine.create("command:local:Command", { create: "sleep 15" }).then(
      () => "done",
      () => "cut off",
    );
    setTimeout(() => plugins.child.kill("SIGINT"), 300);
    setTimeout(() => plugins.child.kill("SIGINT"), 600);
    await once(plugins.child, "exit");
    assert.equal(await working, "cut off");
    assert.ok(Date.now() - began < 8000, "the command was not waited for");
    engine.close();
  });
});

const serverView = {
  id: 42,
  name: "s",
  status: "off",
  public_net: { ipv4: null, ipv6: null, firewalls: [] },
  private_net: [],
  server_type: { name: "cx23" },
  location: { name: "fsn1" },
  image: null,
  backup_window: null,
  protection: { delete: false, rebuild: false },
  labels: {},
  primary_disk_size: 40,
  placement_group: null,
};
