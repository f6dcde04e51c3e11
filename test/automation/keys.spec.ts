import assert from "node:assert/strict";
import { OperatorError } from "../../automation/errors.ts";
import { tellKeys } from "../../automation/keys.ts";
import type { Report } from "../../automation/report.ts";
import type { KeysStatus } from "../../migration/mover/keys/status.ts";
import { Policies } from "../../migration/redis/policy.ts";
import { plannedPromises } from "../../migration/redis/promise.ts";

const policies = Policies.parse({ "session:": "copy", "queue:": "drain", "": "drop" });

const following: KeysStatus = {
  state: "following",
  writer: "blue",
  relay: "blue",
  lag: { keys: 3, seconds: 0.4 },
  count: { complete: true, declared: [], undeclared: [] },
  troubles: 0,
  switches: [],
  promises: plannedPromises(policies),
};

function told(keys: KeysStatus): string[] {
  const lines: string[] = [];
  const report: Report = { line: (text) => void lines.push(text), step: (_name, run) => run(), seconds: () => 0 };
  tellKeys(keys, "prod", report);
  return lines;
}

describe("the keys in a cutover's plan", () => {
  it("are there with what is promised of each prefix", () => {
    const [first, ...promises] = told(following);
    assert.equal(first, "the keys follow, 3 behind. What is promised of them:");
    assert.match(promises[0] ?? "", /^ {2}keys "session:\*" \(copy\): carried with value and time to live\./);
    assert.match(promises[1] ?? "", /^ {2}keys "queue:\*" \(drain\): nothing is lost/);
    assert.match(promises[2] ?? "", /^ {2}every other key \(drop\): nothing is carried/);
  });

  const refused: [string, Partial<KeysStatus>, RegExp, RegExp][] = [
    ["were never brought", { state: "none" }, /not current \(none\)/, /^bascule sync --stack prod$/],
    [
      "wait for something",
      { state: "waiting", why: "blue (10.0.0.1:6379): WRONGPASS" },
      /not current \(waiting: blue \(10\.0\.0\.1:6379\): WRONGPASS\)/,
      /bascule sync/,
    ],
    [
      "are not all declared",
      { count: { complete: true, declared: [], undeclared: [{ begin: '"mail:"', keys: 7 }] } },
      /7 keys are covered by no prefix: 7 of "mail:"/,
      /bascule:redis\.move/,
    ],
    ["cannot all be carried", { troubles: 2 }, /2 keys cannot be carried/, /bascule inspect --stack prod/],
  ];
  for (const [what, change, message, remedy] of refused)
    it(`refuse the cutover where they ${what}`, () =>
      assert.throws(
        () => told({ ...following, ...change }),
        (error: unknown) => {
          assert.ok(error instanceof OperatorError);
          assert.equal(error.exitCode, 30);
          assert.match(error.message, message);
          assert.match(error.remedy, remedy);
          return true;
        },
      ));
});
