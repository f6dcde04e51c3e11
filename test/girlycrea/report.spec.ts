import assert from "node:assert/strict";
import { type RunReport, verdict } from "../../examples/girlycrea/run/report.ts";
import { findLeaks, secretValues } from "../../examples/girlycrea/run/secrets.ts";

const GOOD: Omit<RunReport, "result" | "reasons"> = {
  steps: [],
  secondUpChanges: 0,
  refreshChanges: 0,
  rows: { tables: 20, compared: 20, mismatched: 0, rows: 1000 },
  cutover: { seconds: 10, plan: ["urn:x"] },
  rollback: { seconds: 5 },
  lagBytes: 56,
  freezesMs: [80, 90, 100],
  writesLost: 0,
  writesLostAtTheEnd: 0,
  keys: { copied: 12, heldMs: [110, 120, 130], compared: 3 },
  users: { requests: 100, failed: 0, held: 4, p50: 1, p95: 2, p99: 3, carried: 9, sessionsLost: 0, cartsLost: 0 },
  secretsInClear: 0,
  leaks: [],
  plugins: "auto",
  steering: "load-balancer",
};

describe("the verdict of a run", () => {
  it("is a pass when everything was seen and nothing failed", () =>
    assert.deepEqual(verdict(GOOD), { result: "pass", reasons: [] }));

  const failures: [string, Partial<typeof GOOD>, string][] = [
    ["one failed request", { users: { ...GOOD.users, failed: 1 } }, "1 of 100 requests failed"],
    ["no requests at all", { users: { ...GOOD.users, requests: 0 } }, "no user made a request"],
    ["nothing compared", { rows: { tables: 0, compared: 0, mismatched: 0, rows: 0 } }, "no table was compared"],
    ["a table that differs", { rows: { tables: 2, compared: 2, mismatched: 1, rows: 9 } }, "1 table(s) differ"],
    ["a second up that changes", { secondUpChanges: 2 }, "the second up changed 2 resource(s)"],
    ["a second up nobody saw", { secondUpChanges: -1 }, "the second up changed -1 resource(s)"],
    ["drift", { refreshChanges: 1 }, "a preview with refresh would change 1 resource(s)"],
    ["an empty cutover", { cutover: { seconds: 1, plan: [] } }, "the cutover changed nothing"],
    ["a rollback nobody saw", { rollback: { seconds: 0 } }, "the rollback was not seen"],
    ["a green that nobody saw follow", { lagBytes: -1 }, "nobody saw green follow blue"],
    ["a database that did not move", { freezesMs: [80, 90] }, "the database moved 2 time(s), not 3"],
    ["orders nobody counted", { writesLost: -1 }, "nobody counted the orders after the rollback"],
    ["an order the rollback lost", { writesLost: 1 }, "1 confirmed order(s) were lost after the rollback"],
    [
      "orders the second cutover lost",
      { writesLostAtTheEnd: 2 },
      "2 confirmed order(s) were lost after the second cutover",
    ],
    ["keys nobody brought", { keys: { ...GOOD.keys, copied: 0 } }, "no session or cart was brought to green"],
    ["keys that stayed", { keys: { ...GOOD.keys, heldMs: [] } }, "the keys moved 0 time(s), not 3"],
    [
      "carts nobody looked for",
      { users: { ...GOOD.users, carried: 0 } },
      "nobody came back to a cart on the other side",
    ],
    ["a session that was lost", { users: { ...GOOD.users, sessionsLost: 1 } }, "1 session(s) were lost in a move"],
    ["a cart that was lost", { users: { ...GOOD.users, cartsLost: 2 } }, "2 cart(s) were lost in a move"],
    ["a leak", { secretsInClear: 1 }, "1 secret(s) stand somewhere in the clear"],
  ];
  for (const [name, change, reason] of failures) {
    it(`is a fail for ${name}`, () =>
      assert.deepEqual(verdict({ ...GOOD, ...change }), { result: "fail", reasons: [reason] }));
  }
});

describe("the search for secrets", () => {
  const signature = { "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270" };
  const stackExport = JSON.stringify({
    deployment: {
      resources: [
        { outputs: { result: { ...signature, plaintext: '"canary-password-1"' } } },
        {
          inputs: {
            connection: {
              ...signature,
              plaintext: JSON.stringify({
                host: "198.18.1.10",
                hostKey: "ssh-ed25519 AAAAC3NzaC1l",
                privateKey: "line one\nline two",
              }),
            },
          },
        },
        { inputs: { name: "public-name-of-a-thing" } },
      ],
    },
  });

  it("takes its secrets from what the engine holds as secret", () => {
    const secrets = secretValues(stackExport);
    assert.ok(secrets.has("canary-password-1"));
    assert.ok(secrets.has("line one\nline two"));
    assert.deepEqual(secrets.size, 2, "neither what is public nor what is too short to look for");
  });

  it("finds them in the clear and inside JSON, and does not repeat them", () => {
    const leaks = findLeaks(new Set(["canary-password-1", "line one\nline two"]), [
      { where: "log", text: "connecting with canary-password-1" },
      { where: "state", text: JSON.stringify({ key: "line one\nline two" }) },
      { where: "clean", text: "nothing here" },
    ]);
    assert.deepEqual(leaks, [
      { where: "log", starts: "can..." },
      { where: "state", starts: "lin..." },
    ]);
  });
});
