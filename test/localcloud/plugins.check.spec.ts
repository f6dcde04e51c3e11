import assert from "node:assert/strict";
import { checkInputs, nameInputs } from "../../localcloud/plugins/check.ts";
import { type Properties, UNKNOWN } from "../../localcloud/plugins/values.ts";
import { providerOf, resourceOf } from "../support/plugins.ts";

const KEY = "ssh-ed25519 AAAA";

/** Reasons a resource gives for refusing inputs, checks of its own included. */
async function reasons(token: string, given: Properties): Promise<string[]> {
  const resource = await resourceOf(token);
  const { inputs, failures } = checkInputs(resource.inputs, given, true);
  const own = failures.length === 0 ? (resource.check?.(inputs) ?? []) : [];
  return [...failures, ...own].map(({ reason }) => reason);
}

const pool = { accountId: "a", name: "blue" };
const grant = { role: "r", database: "d", schema: "s" };

/** Resource, inputs, what is said. */
const refused: [string, Properties, RegExp][] = [
  [
    "hcloud:index/network:Network",
    { ipRagne: "10.0.0.0/16", ipRange: "10.0.0.0/16" },
    /Unexpected property 'ipRagne': did you mean 'ipRange'\?/,
  ],
  [
    "hcloud:index/network:Network",
    { colour: 1, ipRange: "x" },
    /Unexpected property 'colour': known here: deleteProtection, exposeRoutesToVswitch, ipRange, labels, name/,
  ],
  ["hcloud:index/network:Network", {}, /Missing required property 'ipRange'/],
  ["hcloud:index/network:Network", { ipRange: ["x"] }, /'ipRange' must be a string, not a list/],
  [
    "hcloud:index/networkSubnet:NetworkSubnet",
    { networkId: "seven", type: "cloud", networkZone: "z", ipRange: "r" },
    /'networkId' must be a number, not a string/,
  ],
  [
    "hcloud:index/networkSubnet:NetworkSubnet",
    { networkId: 1.5, type: "cloud", networkZone: "z", ipRange: "r" },
    /'networkId' must be an integer/,
  ],
  [
    "hcloud:index/networkSubnet:NetworkSubnet",
    { networkId: 1, type: "clowd", networkZone: "z", ipRange: "r" },
    /'type' is 'clowd'; allowed: cloud, server, vswitch/,
  ],
  [
    "hcloud:index/firewall:Firewall",
    { rules: [{ direction: "in", protocol: "tcp", prot: "22" }] },
    /Unexpected property 'rules\[0\]\.prot': did you mean 'port'\?/,
  ],
  [
    "hcloud:index/firewall:Firewall",
    { rules: [{ direction: "in" }] },
    /Missing required property 'rules\[0\]\.protocol'/,
  ],
  [
    "hcloud:index/firewall:Firewall",
    { rules: [{ direction: "sideways", protocol: "icmp" }] },
    /sideways is not a valid direction/,
  ],
  [
    "hcloud:index/firewall:Firewall",
    { rules: [{ direction: "in", protocol: "tcp" }] },
    /'port' is required with protocol tcp/,
  ],
  ["hcloud:index/server:Server", { serverType: "cx23" }, /Missing required property 'image'/],
  [
    "hcloud:index/server:Server",
    { serverType: "cx23", image: "debian-13", datacenter: "fsn1-dc14" },
    /'datacenter' is not supported here: removed by Hetzner; use 'location'/,
  ],
  ["hcloud:index/serverNetwork:ServerNetwork", { serverId: 1 }, /one of 'networkId' and 'subnetId' is required/],
  ["hcloud:index/primaryIp:PrimaryIp", { type: "ipv5" }, /'type' is 'ipv5'; allowed: ipv4, ipv6/],
  ["hcloud:index/volume:Volume", { size: 10 }, /one of 'location' and 'serverId' is required/],
  ["hcloud:index/rdns:Rdns", { ipAddress: "i", dnsPtr: "d" }, /exactly one of 'serverId' and 'primaryIpId'/],
  [
    "cloudflare:index/dnsRecord:DnsRecord",
    { zoneId: "z", name: "n", type: "A", content: "c", ttl: 5 },
    /'ttl' is 5; allowed: 1 \(automatic\) or 30 to 86400/,
  ],
  [
    "cloudflare:index/dnsRecord:DnsRecord",
    { zoneId: "z", name: "n", type: "A", content: "c", ttl: 60, proxied: true },
    /ttl must be set to 1 when `proxied` is true/,
  ],
  [
    "cloudflare:index/dnsRecord:DnsRecord",
    { zoneId: "z", name: "n", type: "CAA", content: "c", data: {}, ttl: 1 },
    /'data' and 'content' exclude each other/,
  ],
  [
    "cloudflare:index/loadBalancer:LoadBalancer",
    { zoneId: "z", name: "n", defaultPools: [], fallbackPool: "p", steeringPolicy: "round" },
    /'steeringPolicy' is 'round'; allowed: off, geo, random/,
  ],
  [
    "cloudflare:index/loadBalancer:LoadBalancer",
    { zoneId: "z", name: "n", defaultPools: [], fallbackPool: "p", rules: [] },
    /'rules' is not supported here/,
  ],
  [
    "cloudflare:index/loadBalancerPool:LoadBalancerPool",
    { ...pool, origins: [{ adress: "x" }] },
    /'origins\[0\]\.adress': did you mean 'address'\?/,
  ],
  [
    "cloudflare:index/loadBalancerPool:LoadBalancerPool",
    { ...pool, origins: "x" },
    /'origins' must be a list, not a string/,
  ],
  ["command:remote:Command", { create: "id" }, /Missing required property 'connection'/],
  ["command:remote:Command", { connection: { user: "root" } }, /Missing required property 'connection\.host'/],
  [
    "command:remote:Command",
    { connection: { host: "h" }, logging: "loud" },
    /'logging' is 'loud'; allowed: stdout, stderr, stdoutAndStderr, none/,
  ],
  ["command:remote:Command", { connection: { host: "h" }, assetPaths: [] }, /Unexpected property 'assetPaths'/],
  ["random:index/randomPassword:RandomPassword", { length: 0 }, /'length' must be at least 1/],
  [
    "random:index/randomPassword:RandomPassword",
    { length: 3, minLower: 2, minUpper: 2 },
    /'length' is 3, but the minima add up to 4/,
  ],
  ["random:index/randomInteger:RandomInteger", { min: 2, max: 1 }, /'min' \(2\) must not be greater than 'max' \(1\)/],
  ["postgresql:index/role:Role", { passwordWo: "x" }, /'passwordWo' is not supported here: use 'password'/],
  [
    "postgresql:index/grant:Grant",
    { ...grant, objectType: "tabel", privileges: [] },
    /'objectType' is 'tabel'; allowed: database, schema, table/,
  ],
  [
    "postgresql:index/grant:Grant",
    { ...grant, objectType: "table", privileges: ["FLY"] },
    /FLY is not an allowed privilege for object type table/,
  ],
  [
    "postgresql:index/grant:Grant",
    { role: "r", database: "d", objectType: "table", privileges: [] },
    /'schema' is required with object type table/,
  ],
  [
    "postgresql:index/grant:Grant",
    { ...grant, objectType: "schema", objects: ["t"], privileges: [] },
    /cannot specify `objects`/,
  ],
  [
    "postgresql:index/defaultPrivileges:DefaultPrivileges",
    { ...grant, owner: "o", objectType: "schema", privileges: [] },
    /cannot specify `schema`/,
  ],
];

describe("plugins: refused inputs", () => {
  for (const [token, given, said] of refused) {
    it(`${token.split(":").at(-1)}: ${said.source.replaceAll("\\", "")}`, async () => {
      const all = await reasons(token, given);
      assert.equal(all.length, 1, `exactly one reason: ${all.join(" | ")}`);
      assert.match(all[0] ?? "", said);
    });
  }

  it("unknown values are never wrong: they may become anything", async () => {
    const given = { networkId: UNKNOWN, type: UNKNOWN, networkZone: UNKNOWN, ipRange: UNKNOWN };
    assert.deepEqual(await reasons("hcloud:index/networkSubnet:NetworkSubnet", given), []);
  });

  it("provider settings are refused the same way", async () => {
    const { config } = await providerOf("cloudflare");
    const { failures } = checkInputs(config, { apiTokn: "x", apiKey: "y" }, false);
    assert.deepEqual(
      failures.map(({ reason }) => reason),
      [
        "Unexpected property 'apiTokn': did you mean 'apiToken'?",
        "'apiKey' is not supported here: use an API token ('apiToken')",
      ],
    );
  });
});

describe("plugins: inputs made complete", () => {
  it("numbers and flags may come as text, as ids of other resources do", async () => {
    const { inputs } = await resourceOf("hcloud:index/networkSubnet:NetworkSubnet");
    const given = { networkId: "42", type: "cloud", networkZone: "z", ipRange: "r" };
    assert.deepEqual(checkInputs(inputs, given, true).inputs, { ...given, networkId: 42, __defaults: [] });
    const settings = (await providerOf("postgresql")).config;
    assert.deepEqual(checkInputs(settings, { port: "15432", superuser: "false" }, false).inputs, {
      port: 15432,
      superuser: false,
    });
  });

  it("defaults are filled in and noted, also inside objects", async () => {
    const { inputs } = await resourceOf("hcloud:index/server:Server");
    const checked = checkInputs(
      inputs,
      { serverType: "cx23", image: "debian-13", publicNets: [{ ipv4: 7 }] },
      true,
    ).inputs;
    assert.deepEqual(checked.publicNets, [
      { ipv4: 7, ipv4Enabled: true, ipv6Enabled: true, __defaults: ["ipv4Enabled", "ipv6Enabled"] },
    ]);
    assert.deepEqual(checked.__defaults, [
      "ignoreRemoteFirewallIds",
      "keepDisk",
      "backups",
      "deleteProtection",
      "rebuildProtection",
      "shutdownBeforeDeletion",
    ]);
  });

  it("the command provider notes nothing", async () => {
    const { inputs } = await resourceOf("command:remote:Command");
    const checked = checkInputs(inputs, { connection: { host: "h" } }, false).inputs;
    assert.deepEqual(checked.connection, { host: "h", port: 22, user: "root", dialErrorLimit: 10, perDialTimeout: 15 });
  });
});

describe("plugins: names made up", () => {
  const naming = { urn: "urn:pulumi:dev::p::t::edge", seed: Uint8Array.of(1, 2, 3) };

  async function named(given: Properties, old: Properties, wishes = {}): Promise<Properties> {
    const resource = await resourceOf("hcloud:index/sshKey:SshKey");
    const { inputs } = checkInputs(resource.inputs, { publicKey: KEY, ...given }, true);
    const failure = nameInputs(resource, inputs, old, { ...naming, ...wishes });
    return failure === undefined ? inputs : { failure: failure.reason };
  }

  it("have seven hex digits and repeat with the seed, so that a saved plan can be carried out", async () => {
    const first = await named({}, {});
    assert.match(String(first.name), /^edge-[0-9a-f]{7}$/);
    assert.equal((await named({}, {})).name, first.name);
    assert.notEqual((await named({}, {}, { seed: Uint8Array.of(4) })).name, first.name);
    assert.deepEqual(first.__defaults, ["name"]);
  });

  it("stay on update, and give way to a name the program chooses", async () => {
    const old = { name: "edge-abc1234", __defaults: ["name"] };
    assert.equal((await named({}, old)).name, "edge-abc1234");
    assert.deepEqual(await named({ name: "mine" }, old), { publicKey: KEY, name: "mine", __defaults: [] });
  });

  it("replace a chosen name once the program drops it", async () => {
    assert.match(String((await named({}, { name: "mine", __defaults: [] })).name), /^edge-/);
  });

  it("follow the stack's configuration of names", async () => {
    assert.equal((await named({}, {}, { proposed: "edge-prod" })).name, "edge-prod");
    assert.equal((await named({}, {}, { disabled: true })).failure, "Missing required property 'name'");
  });

  it("fit the longest name there may be", async () => {
    const role = await resourceOf("postgresql:index/role:Role");
    const inputs: Properties = {};
    nameInputs(role, inputs, {}, { ...naming, urn: `urn::${"x".repeat(200)}` });
    assert.equal(String(inputs.name).length, 63);
  });
});
