import assert from "node:assert/strict";
import type { AddressInfo } from "node:net";
import { cloudflareRoutes } from "../../localcloud/cloudflare/routes.ts";
import { PREFIXES } from "../../localcloud/daemon/app.ts";
import { EngineRun } from "../support/engine-run.ts";
import { PluginsProcess } from "../support/engine-side.ts";
import { HetznerUnderTest, KEY, TOKEN } from "../support/hetzner.ts";

const ACCOUNT = "0".repeat(32);

/** A small stack of everything that needs no server to talk to; `v` changes it. */
const PROGRAM = `
import * as pulumi from "@pulumi/pulumi";
import * as cloudflare from "@pulumi/cloudflare";
import * as command from "@pulumi/command";
import * as hcloud from "@pulumi/hcloud";
import * as random from "@pulumi/random";

const v: number = new pulumi.Config().getNumber("v") ?? 0;
const password = new random.RandomPassword("password", { length: 24 });
const key = new hcloud.SshKey("key", { publicKey: "${KEY}" });
const network = new hcloud.Network("network", { ipRange: "10.20.0.0/16", labels: v > 0 ? { v: String(v) } : {} });
const subnet = new hcloud.NetworkSubnet("subnet", {
  networkId: network.id.apply(Number), type: "cloud", networkZone: "eu-central", ipRange: "10.20.1.0/24",
});
const firewall = new hcloud.Firewall("firewall", {
  rules: [{ direction: "in", protocol: "tcp", port: v > 0 ? "443" : "22", sourceIps: ["0.0.0.0/0"] }],
});
const server = new hcloud.Server("green", {
  serverType: "cx23", location: "fsn1", image: v > 1 ? "debian-12" : "debian-13",
  sshKeys: [key.id], userData: pulumi.secret("#cloud-config"), firewallIds: [firewall.id.apply(Number)],
}, { ignoreChanges: ["userData", "sshKeys"] });
new hcloud.ServerNetwork("nic", { serverId: server.id.apply(Number), subnetId: subnet.id });
const zone = new cloudflare.Zone("zone", { account: { id: "${ACCOUNT}" }, name: "girlycrea.test" });
const record = new cloudflare.DnsRecord("record", {
  zoneId: zone.id, name: "www.girlycrea.test", type: "A", content: server.ipv4Address, ttl: v > 0 ? 120 : 60,
});
for (const [name, mail] of Object.entries({
  mx: { type: "MX", content: "mx.girlycrea.test", priority: 10 },
  txt: { type: "TXT", content: '"v=DKIM1; k=rsa; p=${"x".repeat(230)}" "rest"' },
  caa: { type: "CAA", data: { flags: 0, tag: "issue", value: "pki.test" } },
})) new cloudflare.DnsRecord(name, { zoneId: zone.id, name: "girlycrea.test", ttl: 3600, ...mail });
const hello = new command.local.Command("hello", { create: "cat", stdin: password.result, logging: "none" },
  { additionalSecretOutputs: ["stdout", "stderr"] });
export const zoneId = zone.id;
export const recordId = record.id;
export const address = server.ipv4Address;
export const echoed = pulumi.all([hello.stdout, password.result]).apply(([said, known]) => said === known);
console.log("said by the program");
`;

describe("plugins: the real engine", function () {
  this.timeout(60_000);
  const api = new HetznerUnderTest();
  const plugins = new PluginsProcess();
  let stack: EngineRun;
  let base = "";

  async function configure(run: EngineRun): Promise<void> {
    await run.ok("stack", "init", "dev");
    await run.ok(
      ...[
        "config",
        "set-all",
        "--plaintext",
        `hcloud:endpoint=${base}${PREFIXES.hetzner}`,
        "--secret",
        `hcloud:token=${TOKEN}`,
      ],
      ...[
        "--plaintext",
        `cloudflare:baseUrl=${base}${PREFIXES.cloudflare}`,
        "--secret",
        `cloudflare:apiToken=${"c".repeat(40)}`,
      ],
    );
  }

  before(async () => {
    api.app.register(cloudflareRoutes(api.hub.context), { prefix: PREFIXES.cloudflare });
    await api.app.listen({ port: 0, host: "127.0.0.1" });
    const { port } = api.app.server.address() as AddressInfo;
    base = `http://127.0.0.1:${port}`;
    await plugins.ready();
    stack = new EngineRun(plugins);
    stack.program(PROGRAM);
    await configure(stack);
  });
  after(async () => {
    stack.discard();
    await plugins.stop();
    await api.discard();
  });

  const up = ["up", "--yes", "--skip-preview"];

  it("previews what is not there yet", async () => {
    const output = await stack.ok("preview");
    assert.match(output, /\+ 14 to create/);
    assert.match(output, /address : \[unknown\]/);
    assert.equal(api.hub.state.servers.all().length, 0);
  });

  it("creates it, and says what the program said", async () => {
    const output = await stack.ok(...up);
    assert.match(output, /\+ 14 created/);
    assert.match(output, /said by the program/);
  });

  it("finds nothing to do the second time, nor after looking at the clouds", async () => {
    assert.match(await stack.ok(...up, "--expect-no-changes"), /14 unchanged/);
    assert.match(await stack.ok("refresh", "--yes", "--skip-preview", "--expect-no-changes"), /14 unchanged/);
    assert.match(await stack.ok("preview", "--refresh", "--expect-no-changes"), /14 unchanged/);
  });

  it("keeps secrets out of the state", async () => {
    const state = await stack.ok("stack", "export");
    const password = await stack.ok("stack", "output", "--show-secrets", "--json");
    assert.ok(!state.includes(TOKEN) && !state.includes("#cloud-config"));
    assert.match(password, /"echoed": true/);
    for (const name of ["result", "bcryptHash", "stdout", "userData"]) {
      assert.match(state, new RegExp(`"${name}": \\{\\s+"4dabf18193072939515e22adb298388d"`), name);
    }
  });

  it("sees what somebody changed by hand, and puts it right", async () => {
    const zoneId = (await stack.ok("stack", "output", "zoneId")).trim();
    const recordId = (await stack.ok("stack", "output", "recordId")).trim();
    await byHand(`${base}${PREFIXES.cloudflare}/zones/${zoneId}/dns_records/${recordId}`, { ttl: 300 });
    const output = await stack.ok("preview", "--refresh", "--diff");
    assert.match(output, /ttl +: 60 => 300/);
    assert.match(output, /~ ttl: 300 => 60/);
    assert.match(await stack.ok(...up, "--refresh"), /~ 1 updated/);
  });

  it("updates in place what can be, by a plan saved before", async () => {
    await stack.ok("config", "set", "v", "1");
    const preview = await stack.ok("preview", "--save-plan", "plan.json");
    assert.match(preview, /~ 3 to update/);
    assert.match(await stack.ok(...up, "--plan", "plan.json"), /~ 3 updated/);
  });

  it("replaces what cannot be changed, and what hangs on it", async () => {
    await stack.ok("config", "set", "v", "2");
    const output = await stack.ok("preview");
    assert.match(output, /Server green replace \[diff: ~image\]/);
    assert.match(output, /ServerNetwork nic replace \[diff: ~serverId\]/);
    const before = await stack.ok("stack", "output", "address");
    assert.match(await stack.ok(...up), /\+-2 replaced/);
    assert.notEqual(await stack.ok("stack", "output", "address"), before);
    assert.equal(api.hub.state.servers.all().length, 1);
  });

  it("adopts what exists already, from another stack with another provider", async () => {
    const zoneId = (await stack.ok("stack", "output", "zoneId")).trim();
    const recordId = (await stack.ok("stack", "output", "recordId")).trim();
    const address = (await stack.ok("stack", "output", "address")).trim();
    const other = new EngineRun(plugins);
    other.program(`
      import * as cloudflare from "@pulumi/cloudflare";
      const provider = new cloudflare.Provider("own", { apiToken: "${"c".repeat(40)}", baseUrl: "${base}${PREFIXES.cloudflare}" });
      new cloudflare.DnsRecord("adopted", {
        zoneId: "${zoneId}", name: "www.girlycrea.test", type: "A", content: "${address}", ttl: 120,
      }, { provider, import: "${zoneId}/${recordId}", retainOnDelete: true });
    `);
    await other.ok("stack", "init", "dev");
    assert.match(await other.ok(...up), /= 1 imported/);
    assert.match(await other.ok(...up, "--expect-no-changes"), /3 unchanged/);
    await other.ok("destroy", "--yes", "--skip-preview");
    other.discard();
    assert.match(await stack.ok("refresh", "--yes", "--skip-preview", "--expect-no-changes"), /14 unchanged/);
  });

  it("tells the program's error, and bails out without a second one", async () => {
    const other = new EngineRun(plugins);
    other.program('throw new Error("the program is wrong");');
    await other.ok("stack", "init", "dev");
    const { code, output } = await other.pulumi("preview");
    other.discard();
    assert.notEqual(code, 0);
    assert.match(output, /the program is wrong/);
    assert.ok(!output.includes("non-zero exit code"), output);
  });

  it("stops within seconds when interrupted, and goes on afterwards", async () => {
    stack.program(PROGRAM.replace('create: "cat"', 'create: "sleep 50", triggers: [1]'));
    const { code, milliseconds } = await stack.interrupted(/hello .*(creating|replacing|replacement)/, ...up);
    assert.notEqual(code, 0);
    assert.ok(milliseconds < 8000, `it took ${milliseconds} ms`);
    stack.program(PROGRAM);
    await stack.ok(...up);
  });

  it("removes everything", async () => {
    assert.match(await stack.ok("destroy", "--yes", "--skip-preview"), /- 14 deleted/);
    const { servers, networks, firewalls, sshKeys } = api.hub.state;
    assert.deepEqual(
      [servers, networks, firewalls, sshKeys].map((all) => all.all().length),
      [0, 0, 0, 0],
    );
  });
});

/** A change of a record past the engine. */
async function byHand(url: string, body: object): Promise<void> {
  const headers = { authorization: `Bearer ${"c".repeat(40)}`, "content-type": "application/json" };
  const response = await fetch(url, { method: "PATCH", headers, body: JSON.stringify(body) });
  assert.ok(response.ok, await response.text());
}
