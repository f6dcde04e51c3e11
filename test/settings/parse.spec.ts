import assert from "node:assert/strict";
import { parseSettings, SettingsError } from "../../settings/parse.ts";
import { changed, without } from "./changed.ts";
import { refused } from "./refused.ts";
import { validSettings } from "./valid.ts";

/** The lines of the message below its heading. */
function complaints(map: Record<string, string>): string[] {
  try {
    parseSettings(map);
  } catch (error) {
    assert(error instanceof SettingsError, String(error));
    return error.message
      .split("\n")
      .slice(1)
      .map((line) => line.trim());
  }
  return [];
}

describe("settings: parsing", () => {
  for (const [name, map, lines] of refused) {
    it(`refuses ${name}`, () => assert.deepEqual(complaints(map), lines));
  }

  it("accepts a right stack file and fills in defaults", () => {
    const settings = parseSettings(validSettings);
    assert.deepEqual(settings.traffic, { weight: 0, steering: "load-balancer", ttl: 60 });
    assert.deepEqual(settings.pgbouncer, { poolSize: 20, maxClientConnections: 1000 });
    assert.equal(settings.server.protect, true);
    assert.equal(settings.acme.directory, "https://acme-v02.api.letsencrypt.org/directory");
  });

  it("accepts the ends of the range, and a record that carries everything", () => {
    for (const weight of [0, 100]) {
      assert.deepEqual(complaints(changed("bascule:traffic", { weight })), []);
      assert.deepEqual(complaints(changed("bascule:traffic", { weight, steering: "record" })), []);
    }
  });

  it("leaves the providers' settings alone", () => {
    assert.deepEqual(
      complaints({ ...validSettings, "hcloud:token": "x", "cloudflare:baseUrl": "http://127.0.0.1:4380" }),
      [],
    );
  });

  it("reports everything at once, with a count, and never a secret", () => {
    const map = {
      ...changed("bascule:traffic", { weight: 101 }),
      "bascule:domain": "x",
      "bascule:sshPrivateKay": "canary-value",
    };
    assert.throws(
      () => parseSettings(map),
      (error: Error) => {
        assert.match(error.message, /^3 settings are not usable; nothing was changed:\n/);
        assert.doesNotMatch(error.message, /canary/);
        return true;
      },
    );
  });

  it("speaks of one setting in the singular", () => {
    assert.throws(
      () => parseSettings(without("bascule:topology")),
      /^SettingsError: 1 setting is not usable; nothing was changed:/,
    );
  });
});
