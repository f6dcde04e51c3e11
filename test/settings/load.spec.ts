import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";
import { loadSettings } from "../../settings/load.ts";
import { validSettings } from "./valid.ts";

const secretKeys = ["bascule:sshPrivateKey", "bascule:acmeDnsToken", "bascule:appSecrets"];

describe("settings: loading", () => {
  const before = process.env.PULUMI_CONFIG_SECRET_KEYS;

  /** As the language host hands it over: values, and beside them the names of the encrypted ones. */
  async function load(map: Readonly<Record<string, string>>, encrypted: string[]) {
    await pulumi.runtime.setMocks({ newResource: () => assert.fail(), call: () => assert.fail() }, "bascule", "test");
    pulumi.runtime.setAllConfig({ ...map });
    process.env.PULUMI_CONFIG_SECRET_KEYS = JSON.stringify(encrypted);
    return loadSettings();
  }

  function refusal(message: RegExp) {
    return (error: unknown) => {
      assert(pulumi.RunError.isInstance(error), "the engine shows a stack trace for anything but a RunError");
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /canary/);
      return true;
    };
  }

  afterEach(() => {
    if (before === undefined) delete process.env.PULUMI_CONFIG_SECRET_KEYS;
    else process.env.PULUMI_CONFIG_SECRET_KEYS = before;
  });

  it("keeps secrets in secret Outputs and out of the settings", async () => {
    const { settings, secrets } = await load(
      { ...validSettings, "bascule:appSecrets": '{"SESSION_KEY":"canary-session-key"}' },
      secretKeys,
    );
    assert.doesNotMatch(JSON.stringify(settings), /canary/);
    const outputs: pulumi.Output<unknown>[] = [secrets.sshPrivateKey, secrets.acmeDnsToken, secrets.appSecrets];
    for (const output of outputs) assert.equal(await pulumi.isSecret(output), true);
  });

  it("does without application secrets", async () => {
    const { secrets } = await load(validSettings, secretKeys.slice(0, 2));
    assert.equal(await pulumi.isSecret(secrets.appSecrets), true);
  });

  it("refuses a secret in the clear and names the command", async () => {
    await assert.rejects(
      load(validSettings, ["bascule:acmeDnsToken"]),
      refusal(
        /bascule:sshPrivateKey: stands in the clear; allowed: encrypted only\. Set it: pulumi config set --secret bascule:sshPrivateKey < bascule_ed25519$/,
      ),
    );
  });

  it("refuses a secret inside a plain setting, which would lose its protection", async () => {
    await assert.rejects(
      load({ ...validSettings, "bascule:app": '{"environment":{"KEY":"canary"}}' }, [...secretKeys, "bascule:app"]),
      refusal(/bascule:app: holds an encrypted value; .*pulumi config set --secret bascule:appSecrets < secrets\.json/),
    );
  });

  for (const [what, key, value, said] of [
    [
      "a token that is cut off",
      "acmeDnsToken",
      "canary",
      /acmeDnsToken: got what is no token; allowed: a Cloudflare API token, 20 /,
    ],
    [
      "a token with a space",
      "acmeDnsToken",
      "canary canary canary canary",
      /acmeDnsToken: got what is no token; allowed: /,
    ],
    [
      "secrets that are guessed by trying",
      "appSecrets",
      '{"SESSION_KEY":"canary","API_KEY":"canary-canary","PIN":"canary-cana"}',
      /appSecrets: got SESSION_KEY and PIN, which are too short; allowed: .* of 12 characters or more.*--secret bascule:appSecrets < secrets\.json$/,
    ],
    [
      "a name no program can read",
      "appSecrets",
      '{"session-key":"canary-canary"}',
      /appSecrets: got the name session-key; allowed: /,
    ],
    [
      "a secret that is no text",
      "appSecrets",
      '{"KEY":["canary-canary"]}',
      /appSecrets: got KEY, which is no text; allowed: /,
    ],
    ["secrets in a list", "appSecrets", '["canary-canary"]', /appSecrets: got what is no JSON object; allowed: /],
    [
      "secrets that are no JSON",
      "appSecrets",
      "KEY=canary-canary",
      /appSecrets: got what is no JSON object; allowed: /,
    ],
  ] as const)
    it(`refuses ${what} without showing it`, async () => {
      await assert.rejects(load({ ...validSettings, [`bascule:${key}`]: value }, secretKeys), refusal(said));
    });

  it("says everything at once: what is wrong with the settings, with the secrets, and what stands in the clear", async () => {
    const wrong = {
      "bascule:traffic": '{"weight":300}',
      "bascule:acmeDnsToken": "canary",
      "bascule:appSecrets": "{}x",
    };
    await assert.rejects(
      load({ ...validSettings, ...wrong }, ["bascule:acmeDnsToken", "bascule:appSecrets"]),
      refusal(
        /^4 settings are not usable.*traffic\.weight: got 300.*sshPrivateKey: stands in the clear.*acmeDnsToken: got what is no token.*appSecrets: got what is no JSON object/s,
      ),
    );
  });

  it("names the command for a missing secret", async () => {
    const { "bascule:acmeDnsToken": _, ...rest } = validSettings;
    await assert.rejects(
      load(rest, secretKeys),
      refusal(/bascule:acmeDnsToken is missing .*--secret bascule:acmeDnsToken </),
    );
  });
});
