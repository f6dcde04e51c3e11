import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import * as pulumi from "@pulumi/pulumi";
import { readArtefact } from "../../components/artefact.ts";
import { answered } from "../../components/lookup.ts";
import { locationProblems } from "../../components/server-type.ts";
import { parseSettings } from "../../settings/parse.ts";
import { validSettings } from "../settings/valid.ts";

const settings = parseSettings(validSettings);

describe("components: does it fit", () => {
  it("accepts a location that sells the type", () => {
    assert.deepEqual(locationProblems(settings, [{ name: "fsn1", available: true }]), []);
  });

  it("names the locations that do", () => {
    const locations = [
      { name: "fsn1", available: false },
      { name: "nbg1", available: true },
      { name: "hel1", available: true },
    ];
    assert.deepEqual(locationProblems(settings, locations), [
      "bascule:server.location: got \"fsn1\", which does not sell cx33; allowed: nbg1, hel1 sell it. Set it: pulumi config set --path 'bascule:server.location' nbg1",
    ]);
  });

  it("says when nobody sells it", () => {
    assert.deepEqual(locationProblems(settings, []), [
      "bascule:server.location: got \"fsn1\", which does not sell cx33; allowed: no location sells it now. Set it: pulumi config set --path 'bascule:server.type' cx33",
    ]);
  });
});

describe("components: artefact", () => {
  it("is named after its bytes", () => {
    const { path, sha256 } = readArtefact(settings.app);
    assert.equal(sha256, createHash("sha256").update(readFileSync(path)).digest("hex"));
  });

  it("of another hash than the pinned one is refused, with both", () => {
    const pinned = "0".repeat(64);
    assert.throws(
      () => readArtefact({ ...settings.app, sha256: pinned }),
      (error: Error) =>
        error.message.includes(`bascule:app.sha256: got ${pinned}, but test/golden/stack/app.tar.gz has `) &&
        error.message.includes("Build the release that was meant"),
    );
    const { sha256 } = readArtefact(settings.app);
    assert.equal(readArtefact({ ...settings.app, sha256 }).sha256, sha256);
  });

  it("that is missing names the build", () => {
    assert.throws(
      () => readArtefact({ ...settings.app, artefact: "dist/nothing.tar.gz" }),
      /bascule:app\.artefact: got "dist\/nothing\.tar\.gz", which cannot be read .*ENOENT.*node examples\/girlycrea\/app\/build\.ts/,
    );
  });
});

describe("components: a provider's answer", () => {
  it("passes through", async () => assert.equal(await answered(Promise.resolve(7), "x", "y"), 7));

  it("that is a refusal names setting, reason and remedy, without the SDK's words", async () => {
    const refusal = new Error(
      "invocation of cloudflare:index/getZone:getZone returned an error: 403 Invalid access token; 1 error occurred.",
    );
    await assert.rejects(answered(Promise.reject(refusal), 'bascule:zone: got "x"', "Set it."), (error: unknown) => {
      assert(pulumi.RunError.isInstance(error));
      assert.equal(error.message, 'bascule:zone: got "x": 403 Invalid access token; 1 error occurred. Set it.');
      return true;
    });
  });
});
