import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { ensureKeys, ssh } from "../../examples/girlycrea/blue/access.ts";
import { loadBlue } from "../../examples/girlycrea/blue/blue.ts";
import { Cloud } from "../../examples/girlycrea/blue/cloud.ts";
import { userData } from "../../examples/girlycrea/blue/create.ts";

const BLUE = join(import.meta.dirname, "../../examples/girlycrea/blue");

describe("making blue", () => {
  const folder = mkdtempSync(join(tmpdir(), "girly-test-"));
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("uses scripts that bash can read", () => {
    const scripts = readdirSync(join(BLUE, "scripts")).map((name) => join(BLUE, "scripts", name));
    for (const script of [...scripts, join(BLUE, "files/lego-certificate")]) {
      const { status, stderr } = spawnSync("bash", ["-n", script], { encoding: "utf8" });
      assert.equal(status, 0, `${script}: ${stderr}`);
    }
  });

  it("makes its keys once, readable by nobody else", async () => {
    const keys = await ensureKeys(join(folder, "keys"));
    assert.deepEqual(await ensureKeys(join(folder, "keys")), keys);
    assert.equal(statSync(keys.sshKeyFile).mode & 0o077, 0);
    const document = parse(userData(keys));
    assert.equal(document.ssh_keys.ed25519_private, keys.hostPrivateKey);
    assert.deepEqual(document.users[0].ssh_authorized_keys, [keys.publicKey]);
    assert.equal(document.ssh_pwauth, false);
  });

  it("says which file is missing when there is no blue", async () => {
    await assert.rejects(loadBlue(folder), /blue\.json does not describe an old production; 'npm start' makes one/);
  });

  it("says what ssh said when the server cannot be reached", async () => {
    const access = { address: "127.0.0.1", sshKeyFile: "/nonexistent", knownHosts: "/nonexistent" };
    await assert.rejects(ssh(access, "true"), /"true" on 127\.0\.0\.1 ended with 255/);
  });
});

describe("blue's calls to the clouds", () => {
  let server: Server;
  let cloud: Cloud;
  const asked: string[] = [];
  let answer: (call: string) => [status: number, body: unknown];

  before(async () => {
    server = createServer(async (request, response) => {
      const call = `${request.method} ${request.url}`;
      asked.push(`${call} ${await textOf(request)}`.trim());
      const [status, body] = answer(call);
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    cloud = new Cloud({
      hetzner: { endpoint: `${origin}/v1`, token: "h" },
      cloudflare: { baseUrl: `${origin}/v4`, token: "c", accountId: "a" },
    });
  });
  beforeEach(() => asked.splice(0));
  after(() => server.close());

  it("keep a record that is there and only give it the address back", async () => {
    const record = { type: "A", name: "shop.test", content: "198.18.1.2", ttl: 60, proxied: false } as const;
    answer = (call) => [200, { result: call.startsWith("GET") ? [{ id: "r1" }] : { id: "r1" } }];
    assert.equal(await cloud.ensureRecord("z1", record), "r1");
    assert.deepEqual(
      asked.map((call) => call.split(" ").slice(0, 2).join(" ")),
      ["GET /v4/zones/z1/dns_records?type=A&name=shop.test", "PUT /v4/zones/z1/dns_records/r1"],
    );
  });

  it("replace an SSH key of the same name that nobody holds any more", async () => {
    answer = (call) => {
      if (call.startsWith("GET")) return [200, { ssh_keys: [{ id: 1, public_key: "ssh-ed25519 OLD" }] }];
      return call.startsWith("DELETE") ? [200, {}] : [201, { ssh_key: { id: 2, public_key: "ssh-ed25519 NEW" } }];
    };
    assert.equal(await cloud.ensureSshKey("blue-operator", "ssh-ed25519 NEW comment"), 2);
    assert.deepEqual(
      asked.map((call) => call.split(" ")[0]),
      ["GET", "DELETE", "POST"],
    );
  });

  it("say which call was refused, and why", async () => {
    answer = () => [401, { error: { code: "unauthorized", message: "the token you have provided is invalid" } }];
    await assert.rejects(
      cloud.findServer("blue"),
      /Hetzner: GET \/v1\/servers answered 401: .*token you have provided/,
    );
  });

  it("say which action failed", async () => {
    const begun = { id: 5, command: "start_server", status: "running" };
    answer = (call) =>
      call.includes("/actions/5")
        ? [200, { action: { ...begun, status: "error", error: { message: "no capacity" } } }]
        : [201, { action: begun }];
    await assert.rejects(cloud.powerOn(1), /"start_server" failed: no capacity/);
  });

  it("say where nobody answers", async () => {
    const nowhere = new Cloud({
      hetzner: { endpoint: "http://127.0.0.1:9/v1", token: "h" },
      cloudflare: { baseUrl: "http://127.0.0.1:9/v4", token: "c", accountId: "a" },
    });
    await assert.rejects(
      nowhere.ensureZone("test"),
      /Cloudflare: GET \/v4\/zones got no answer from http:\/\/127\.0\.0\.1:9/,
    );
  });
});

async function textOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text;
}
