import assert from "node:assert/strict";
import type { UpdateSummary } from "@pulumi/pulumi/automation/index.js";
import { engineError, explain, OperatorError } from "../../automation/errors.ts";
import { deployedWeight, previousWeight } from "../../automation/history.ts";

function update(message: string, weight: number, result: UpdateSummary["result"] = "succeeded"): UpdateSummary {
  return {
    kind: "update",
    startTime: new Date(0),
    endTime: new Date(0),
    message,
    environment: {},
    config: { "bascule:traffic": { value: JSON.stringify({ weight, steering: "load-balancer" }) } },
    result,
    version: 1,
  };
}

describe("the configuration a rollback goes back to", () => {
  it("is the one before the whole cutover, not before its last step", () => {
    const history = [
      update("bascule cutover: 100", 100),
      update("bascule cutover: 50", 50),
      update("bascule cutover: 10", 10),
      update("", 0),
    ];
    assert.equal(previousWeight(history), 0);
  });

  it("is the canary's where the cutover began there", () => {
    const history = [update("bascule cutover: 100", 100), update("a small canary", 5), update("", 0)];
    assert.equal(previousWeight(history), 5);
  });

  it("is not moved by an update that broke off", () => {
    const history = [update("bascule rollback: 0", 0, "failed"), update("bascule cutover: 100", 100), update("", 0)];
    assert.deepEqual([deployedWeight(history), previousWeight(history)], [100, 0]);
  });

  it("passes over updates that failed", () => {
    const history = [update("bascule cutover: 100", 100), update("", 70, "failed"), update("", 0)];
    assert.equal(previousWeight(history), 0);
  });

  it("is found behind what was deployed since, which kept green's share", () => {
    const history = [update("release 42", 100), update("bascule cutover: 100", 100), update("", 0)];
    assert.equal(previousWeight(history), 0);
  });

  it("never gives green more, whatever it once had", () => {
    const history = [
      update("bascule rollback: 0", 0),
      update("release 42", 100),
      update("bascule cutover: 100", 100),
      update("", 0),
    ];
    assert.equal(previousWeight(history), null);
  });

  it("does not exist right after a rollback, nor on a fresh stack", () => {
    assert.equal(
      previousWeight([update("bascule rollback: 0", 0), update("bascule cutover: 100", 100), update("", 0)]),
      null,
    );
    assert.equal(previousWeight([update("", 0)]), null);
    assert.equal(previousWeight([]), null);
  });
});

describe("errors of the engine", () => {
  const broken =
    "code: -2\n stderr: Command failed\n    command:remote:Command green-redis  error: resource urn:pulumi:local::x violates plan: properties changed: =~stdin[{canary-password}]\n";

  it("never repeat the values a broken plan spells out", () => {
    const { message, remedy } = engineError(broken);
    assert.ok(!message.includes("canary"));
    assert.match(message, /green-redis {2}error: resource urn:pulumi:local::x violates plan: properties changed$/);
    assert.match(remedy, /run the command again/);
  });

  it("pass through when they are none of ours", () => {
    const error = new Error("disk on fire");
    assert.equal(explain(error, "local"), error);
    assert.ok(!(explain(error, "local") instanceof OperatorError));
  });
});
