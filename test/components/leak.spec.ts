import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";
import { hostKeyFromSeed } from "../../provisioning/ssh/host-key.ts";
import { validSettings, withKeys } from "../settings/valid.ts";
import { providerCanaries, type Registration, registered } from "./mocked.ts";

const appSecret = "canary-app-secret-0123456789";
const settings = {
  ...validSettings,
  ...withKeys,
  "bascule:appSecrets": JSON.stringify({ SESSION_KEY: appSecret }),
};

/** Every secret there is, in every form it could be written in. */
const canaries = [
  ["the SSH private key", validSettings["bascule:sshPrivateKey"] ?? ""],
  ["the DNS token", validSettings["bascule:acmeDnsToken"] ?? ""],
  ["an application secret", appSecret],
  ["blue's database password", "canary-blue-password"],
  ["blue's Redis password", "canary-blue-redis-password"],
  ["a generated password", providerCanaries.password],
  ["the host key's seed", providerCanaries.seed],
  ["the host's private key", hostKeyFromSeed(providerCanaries.seed).privateKey.split("\n")[3] ?? ""],
].flatMap(([name = "", text = ""]) => [
  [name, text],
  [`${name} in base64`, Buffer.from(text).toString("base64").replace(/=+$/, "").slice(0, -2)],
]);

/** All text of a value that is not inside a secret envelope. */
function* inTheClear(value: unknown): Generator<string> {
  if (typeof value === "string") yield value;
  if (typeof value !== "object" || value === null || pulumi.runtime.isRpcSecret(value)) return;
  for (const [key, inner] of Object.entries(value)) {
    yield key;
    yield* inTheClear(inner);
  }
}

function leaks(registrations: readonly Registration[]): string[] {
  return registrations.flatMap(({ name, inputs }) => {
    const texts = [...inTheClear(inputs)];
    return canaries.flatMap(([canary = "", text = ""]) =>
      texts.some((clear) => clear.includes(text)) ? [`${canary} in ${name}`] : [],
    );
  });
}

describe("components: no secret leaves its envelope", () => {
  let all: Registration[] = [];

  before(async () => {
    all = await registered(settings, () => import(`../../index.ts?${"leak"}`));
  });

  it("the search finds a secret in the clear, nested and in base64, and none in an envelope", () => {
    const planted = (inputs: Record<string, unknown>) =>
      leaks([{ ...(all[0] ?? assert.fail()), name: "planted", inputs }]);
    const password = providerCanaries.password;
    assert.deepEqual(planted({ a: [{ b: `psql://x:${password}@host` }] }), ["a generated password in planted"]);
    const encoded = Buffer.from(password).toString("base64");
    assert.deepEqual(planted({ a: encoded }), ["a generated password in base64 in planted"]);
    const envelope = { [pulumi.runtime.specialSigKey]: pulumi.runtime.specialSecretSig, value: password };
    assert.deepEqual(planted({ a: { b: envelope } }), []);
  });

  it("every secret really travels, or the search would prove nothing", () => {
    const everything = JSON.stringify(all.map(({ inputs }) => inputs));
    for (const text of [validSettings["bascule:acmeDnsToken"] ?? "", appSecret, providerCanaries.password]) {
      assert(everything.includes(text), text);
    }
  });

  it("no registered input shows one", () => assert.deepEqual(leaks(all), []));

  it("user data, bundles and connections are envelopes as a whole", () => {
    const bundles = all.filter(({ type }) => type === "bascule:compute:HostService").length;
    const guarded = all.filter(({ name }) => name.endsWith("-confirm")).length;
    const envelopes: [type: string, property: string, count: number][] = [
      ["hcloud:index/server:Server", "userData", 1],
      ["command:remote:Command", "connection", bundles + guarded + 1],
      ["command:remote:Command", "stdin", bundles],
      ["postgresql:index/role:Role", "password", 1],
    ];
    for (const [type, property, count] of envelopes) {
      const values = all
        .filter((one) => one.type === type && property in one.inputs)
        .map(({ inputs }) => inputs[property]);
      assert.equal(values.length, count, `${type} ${property}`);
      for (const value of values) assert(pulumi.runtime.isRpcSecret(value), `${type} ${property} is in the clear`);
    }
  });
});
