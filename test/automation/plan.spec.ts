import assert from "node:assert/strict";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { objections, plannedChanges } from "../../automation/plan.ts";

const BALANCER =
  "urn:pulumi:local::bascule::bascule:topology:SingleVps$bascule:edge:Traffic$cloudflare:index/loadBalancer:LoadBalancer::green-traffic";
const SERVER =
  "urn:pulumi:local::bascule::bascule:topology:SingleVps$bascule:compute:Server$hcloud:index/server:Server::green-server";

function plan(resources: Record<string, string[]>): string {
  const file = join(mkdtempSync(join(tmpdir(), "bascule-test-")), "plan.json");
  const resourcePlans = Object.fromEntries(Object.entries(resources).map(([urn, steps]) => [urn, { goal: {}, steps }]));
  writeFileSync(file, JSON.stringify({ resourcePlans }));
  return file;
}

describe("what a plan changes", () => {
  it("leaves out what stays the same", () => {
    const changes = plannedChanges(plan({ [SERVER]: ["same"], [BALANCER]: ["update"] }));
    assert.deepEqual(changes, [{ urn: BALANCER, steps: ["update"] }]);
    assert.deepEqual(objections(changes), []);
  });

  it("leaves out the provider that only carries the settings, and nothing but its update", () => {
    const echo = "urn:pulumi:local::bascule::pulumi:providers:pulumi-nodejs::default";
    assert.deepEqual(plannedChanges(plan({ [echo]: ["update"], [BALANCER]: ["update"] })), [
      { urn: BALANCER, steps: ["update"] },
    ]);
    assert.deepEqual(objections(plannedChanges(plan({ [echo]: ["replace"] }))), [`would replace ${echo}`]);
    const other = echo.replace("pulumi-nodejs", "hcloud");
    assert.equal(objections(plannedChanges(plan({ [other]: ["update"] }))).length, 1);
  });

  it("refuses a replaced server and names its URN", () => {
    const changes = plannedChanges(
      plan({ [SERVER]: ["create-replacement", "replace", "delete-replaced"], [BALANCER]: ["update"] }),
    );
    assert.deepEqual(objections(changes), [`would replace ${SERVER}`]);
  });

  it("refuses a replaced traffic resource as well", () => {
    assert.deepEqual(objections([{ urn: BALANCER, steps: ["delete"] }]), [`would delete ${BALANCER}`]);
    assert.deepEqual(objections([{ urn: BALANCER, steps: ["create"] }]), [`would create ${BALANCER}`]);
  });

  it("refuses an update of anything else", () => {
    assert.deepEqual(objections([{ urn: SERVER, steps: ["update"] }]), [
      `would update ${SERVER}, which is not traffic`,
    ]);
  });

  it("is not fooled by a resource that is only named like traffic", () => {
    const urn = SERVER.replace("green-server", "bascule:edge:Traffic");
    assert.equal(objections([{ urn, steps: ["update"] }]).length, 1);
  });
});
