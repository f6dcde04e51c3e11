import assert from "node:assert/strict";
import type { Resource } from "../../localcloud/plugins/define.ts";
import { diffInputs } from "../../localcloud/plugins/diff.ts";
import { refreshedInputs } from "../../localcloud/plugins/preview.ts";
import { type Properties, UNKNOWN } from "../../localcloud/plugins/values.ts";
import { resourceOf } from "../support/plugins.ts";

/** Resource, inputs whose change updates, inputs whose change replaces: as the official schemas say. */
const decisions: [string, string, string][] = [
  ["hcloud:index/sshKey:SshKey", "labels name", "publicKey"],
  ["hcloud:index/network:Network", "deleteProtection exposeRoutesToVswitch labels name", "ipRange"],
  ["hcloud:index/networkSubnet:NetworkSubnet", "", "ipRange networkId networkZone type vswitchId"],
  ["hcloud:index/firewall:Firewall", "applyTos labels name rules", ""],
  ["hcloud:index/firewallAttachment:FirewallAttachment", "labelSelectors serverIds", "firewallId"],
  [
    "hcloud:index/server:Server",
    "allowDeprecatedImages backups deleteProtection firewallIds ignoreRemoteFirewallIds keepDisk labels name networks publicNets rebuildProtection serverType shutdownBeforeDeletion",
    "image location sshKeys userData",
  ],
  ["hcloud:index/serverNetwork:ServerNetwork", "aliasIps", "ip networkId serverId subnetId"],
  [
    "hcloud:index/primaryIp:PrimaryIp",
    "assigneeId assigneeType autoDelete deleteProtection labels name",
    "location type",
  ],
  ["hcloud:index/volume:Volume", "automount deleteProtection format labels name serverId size", "location"],
  ["hcloud:index/volumeAttachment:VolumeAttachment", "", "automount serverId volumeId"],
  ["hcloud:index/rdns:Rdns", "dnsPtr", "ipAddress primaryIpId serverId"],
  ["cloudflare:index/zone:Zone", "paused type vanityNameServers", "account name"],
  ["cloudflare:index/zoneSetting:ZoneSetting", "enabled value", "settingId zoneId"],
  [
    "cloudflare:index/dnsRecord:DnsRecord",
    "comment content data name priority privateRouting proxied settings tags ttl",
    "type zoneId",
  ],
  [
    "cloudflare:index/loadBalancer:LoadBalancer",
    "adaptiveRouting countryPools defaultPools description enabled fallbackPool locationStrategy name networks popPools proxied randomSteering regionPools sessionAffinity sessionAffinityAttributes sessionAffinityTtl steeringPolicy ttl",
    "zoneId",
  ],
  [
    "cloudflare:index/loadBalancerPool:LoadBalancerPool",
    "checkRegions description enabled latitude loadShedding longitude minimumOrigins monitor name notificationEmail originSteering origins",
    "accountId",
  ],
  [
    "cloudflare:index/loadBalancerMonitor:LoadBalancerMonitor",
    "allowInsecure consecutiveDown consecutiveUp description expectedBody expectedCodes followRedirects header interval method path port probeZone retries timeout type",
    "accountId",
  ],
  [
    "command:remote:Command",
    "addPreviousOutputInEnv connection create delete environment logging stdin update",
    "triggers",
  ],
  [
    "command:local:Command",
    "addPreviousOutputInEnv create delete dir environment interpreter logging stdin update",
    "triggers",
  ],
  [
    "random:index/randomPassword:RandomPassword",
    "",
    "keepers length lower minLower minNumeric minSpecial minUpper number numeric overrideSpecial special upper",
  ],
  ["random:index/randomBytes:RandomBytes", "", "keepers length"],
  [
    "postgresql:index/role:Role",
    "assumeRole bypassRowLevelSecurity connectionLimit createDatabase createRole encryptedPassword idleInTransactionSessionTimeout inherit login name password replication roles searchPaths skipDropRole skipReassignOwned statementTimeout superuser validUntil",
    "",
  ],
  [
    "postgresql:index/database:Database",
    "allowConnections alterObjectOwnership connectionLimit isTemplate name owner tablespaceName",
    "encoding lcCollate lcCtype template",
  ],
  ["postgresql:index/extension:Extension", "createCascade dropCascade schema version", "database name"],
  ["postgresql:index/schema:Schema", "dropCascade ifNotExists name owner", "database"],
  ["postgresql:index/grant:Grant", "privileges", "columns database objectType objects role schema withGrantOption"],
  [
    "postgresql:index/defaultPrivileges:DefaultPrivileges",
    "privileges",
    "database objectType owner role schema withGrantOption",
  ],
];

/** Inputs of a resource by what a change of each, alone, leads to. */
function decide(resource: Resource<unknown>): { updates: string; replaces: string } {
  const names = Object.keys(resource.inputs).filter((name) => resource.inputs[name]?.refused === undefined);
  const replaces = names.filter(
    (name) => diffInputs(resource, { [name]: "before" }, { [name]: "after" }).replaces.length > 0,
  );
  const updates = names.filter((name) => !replaces.includes(name));
  return { updates: updates.sort().join(" "), replaces: replaces.sort().join(" ") };
}

describe("plugins: update or replace", () => {
  for (const [token, updates, replaces] of decisions) {
    it(token, async () => {
      assert.deepEqual(decide(await resourceOf(token)), { updates, replaces });
    });
  }
});

/** What changed, in short: `~path`, `+path`, `-path`, with `!` where it replaces. */
async function changes(token: string, old: Properties, next: Properties, state: Properties = {}): Promise<string> {
  const { detailed } = diffInputs(await resourceOf(token), old, next, state);
  const signs = { add: "+", delete: "-", update: "~" };
  return detailed.map(({ path, kind, replace }) => `${signs[kind]}${path}${replace ? "!" : ""}`).join(" ");
}

const SERVER = "hcloud:index/server:Server";
const POOL = "cloudflare:index/loadBalancerPool:LoadBalancerPool";
const BALANCER = "cloudflare:index/loadBalancer:LoadBalancer";
const RECORD = "cloudflare:index/dnsRecord:DnsRecord";
const FIREWALL = "hcloud:index/firewall:Firewall";
const PASSWORD = "random:index/randomPassword:RandomPassword";

describe("plugins: what counts as a change", () => {
  it("the order of a set does not, the order of a list does", async () => {
    assert.equal(await changes(SERVER, { firewallIds: [1, 2] }, { firewallIds: [2, 1] }), "");
    assert.equal(
      await changes(BALANCER, { defaultPools: ["a", "b"] }, { defaultPools: ["b", "a"] }),
      "~defaultPools[0] ~defaultPools[1]",
    );
  });

  it("sets of objects are compared as sets, their own sets too", async () => {
    const one = { direction: "in", protocol: "tcp", port: "22", sourceIps: ["a", "b"] };
    const two = { direction: "in", protocol: "icmp", sourceIps: ["c"] };
    const turned = { ...one, sourceIps: ["b", "a"] };
    assert.equal(await changes(FIREWALL, { rules: [one, two] }, { rules: [two, turned] }), "");
    assert.equal(await changes(FIREWALL, { rules: [one, two] }, { rules: [two] }), "~rules");
  });

  it("the path names the very field, and whether it replaces", async () => {
    const origins = [{ name: "a", address: "1.1.1.1" }];
    assert.equal(
      await changes(POOL, { origins }, { origins: [{ name: "a", address: "1.1.1.2" }] }),
      "~origins[0].address",
    );
    assert.equal(
      await changes(SERVER, { labels: { a: "1", "b.c": "2" } }, { labels: { "b.c": "3" } }),
      '-labels.a ~labels["b.c"]',
    );
    assert.equal(await changes(SERVER, { image: "debian-12" }, { image: "debian-13" }), "~image!");
  });

  it("saying what is assumed or chosen anyway is no change", async () => {
    assert.equal(await changes(PASSWORD, { length: 8 }, { length: 8, special: true }), "");
    assert.equal(await changes(PASSWORD, { length: 8 }, { length: 8, special: false }), "+special!");
    assert.equal(await changes(SERVER, {}, { location: "fsn1" }, { location: "fsn1" }), "");
    assert.equal(await changes(SERVER, {}, { location: "nbg1" }, { location: "fsn1" }), "~location!".replace("~", "+"));
    assert.equal(
      await changes(POOL, { origins: [{ name: "a" }] }, { origins: [{ name: "a", weight: 1, enabled: true }] }),
      "",
    );
  });

  it("leaving to the cloud what it fills in by itself is no change", async () => {
    assert.equal(await changes(SERVER, { location: "fsn1" }, {}), "");
    assert.equal(await changes(SERVER, { labels: { a: "1" } }, {}), "-labels");
  });

  it("what is not known yet may change, and replaces where a change would", async () => {
    assert.equal(
      await changes(RECORD, { content: "1.1.1.1", zoneId: "z" }, { content: UNKNOWN, zoneId: UNKNOWN }),
      "~content ~zoneId!",
    );
  });

  it("what the program ignores is none, though the cloud changed it", async () => {
    const server = await resourceOf(SERVER);
    const { changed } = diffInputs(server, { labels: { a: "1" }, name: "x" }, { labels: {}, name: "y" }, {}, [
      "labels",
    ]);
    assert.deepEqual(changed, ["name"]);
  });

  it("the notes of defaults are none", async () => {
    assert.equal(await changes(SERVER, { name: "a", __defaults: ["name"] }, { name: "a", __defaults: [] }), "");
  });

  it("a replacement under a chosen name needs the old one gone first; under a made-up name it does not", async () => {
    const server = await resourceOf(SERVER);
    const replace = (defaults: string[], name = "a") =>
      diffInputs(server, { name: "a", image: "x" }, { name, image: "y", __defaults: defaults }).deleteBeforeReplace;
    assert.deepEqual([replace([]), replace(["name"]), replace([], "b")], [true, false, false]);
  });
});

describe("plugins: inputs after a refresh", () => {
  async function refreshed(token: string, old: Properties | undefined, state: Properties): Promise<Properties> {
    return refreshedInputs(await resourceOf(token), old, state, true);
  }

  it("stay as they are while the live resource is what they ask for", async () => {
    const old = { zoneId: "z", name: "n", defaultPools: ["p"], fallbackPool: "p", __defaults: [] };
    const live = {
      ...old,
      ttl: 30,
      sessionAffinity: "none",
      enabled: true,
      randomSteering: { defaultWeight: 1 },
      modifiedOn: "now",
    };
    assert.deepEqual(await refreshed(BALANCER, old, live), old);
    const origins = [{ name: "a", address: "1.1.1.1" }];
    const told = [
      { name: "a", address: "1.1.1.1", enabled: true, weight: 1, flattenCname: true, disabledAt: "never", port: 0 },
    ];
    assert.deepEqual((await refreshed(POOL, { origins, __defaults: [] }, { origins: told })).origins, origins);
  });

  it("show what somebody else changed", async () => {
    const old = { name: "n", ttl: 60, content: "1.1.1.1", __defaults: [] };
    assert.equal((await refreshed(RECORD, old, { ...old, ttl: 120 })).ttl, 120);
    assert.deepEqual((await refreshed(SERVER, { name: "s" }, { name: "s", labels: { by: "hand" } })).labels, {
      by: "hand",
    });
    assert.equal((await refreshed(RECORD, { comment: "ours" }, {})).comment, undefined);
  });

  it("keep what the cloud never tells", async () => {
    const old = { userData: "#cloud-config", sshKeys: ["1"] };
    const inputs = await refreshed(SERVER, old, { userData: "a digest", name: "s" });
    assert.deepEqual([inputs.userData, inputs.sshKeys], ["#cloud-config", ["1"]]);
  });

  it("are everything that is no default, on import", async () => {
    const live = {
      zoneId: "z",
      name: "n",
      type: "A",
      content: "1.1.1.1",
      ttl: 60,
      proxied: false,
      tags: [],
      settings: {},
      comment: "x",
    };
    assert.deepEqual(await refreshed(RECORD, undefined, live), {
      zoneId: "z",
      name: "n",
      type: "A",
      content: "1.1.1.1",
      ttl: 60,
      comment: "x",
      __defaults: [],
    });
  });
});
