import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";
import { validSettings } from "../settings/valid.ts";
import { type Registration, registered } from "./mocked.ts";

const program = (tag: string) => () => import(`../../index.ts?${tag}`);

describe("components: the state of a host", () => {
  let state: Registration;
  let applied: string[];

  before(async () => {
    const all = await registered(validSettings, program("host-state"));
    state = all.find(({ name }) => name === "green-host-state") ?? assert.fail("it is not registered");
    applied = all.flatMap(({ type, inputs }) =>
      type === "bascule:compute:HostService" ? [String(inputs.service)] : [],
    );
  });

  it("keeps a few lines of code in the state, which name no path of a machine and hold no secret", () => {
    const code = state.inputs.__provider;
    assert(typeof code === "string", "it is an envelope: a secret was captured");
    assert(code.length < 2500, `${code.length} characters`);
    assert.doesNotMatch(code, /\/(home|root|work|tmp|Users)\b|file:|BEGIN|privateKey/);
    assert.match(code, /provisioning\/host-state\/provider\.ts/);
  });

  it("names every service with the release that must run, and waits for the last", () => {
    const { services } = state.inputs;
    assert(typeof services === "object" && services !== null);
    assert.deepEqual(Object.keys(services).sort(), applied.sort());
    for (const status of Object.values(services)) assert.match(String(status), /^ok [0-9a-f]{16}$/);
    for (const last of ["green-nginx-service-apply", "green-app-service-apply"]) {
      assert(state.dependencies.includes(last), last);
    }
  });

  it("hides the login as a whole, and goes with the server", () => {
    assert(pulumi.runtime.isRpcSecret(state.inputs.login));
    assert.deepEqual(state.secretOutputs, ["login"]);
    assert.equal(state.deletedWith, "green-server-machine");
  });
});
