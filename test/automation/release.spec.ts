import assert from "node:assert/strict";
import { objections } from "../../automation/plan.ts";
import { chooseRelease, type KeptRelease, keptReleases, PART } from "../../automation/release.ts";
import { parseSchemaState, schemaJob } from "../../migration/schema/job.ts";

const hash = (digit: string) => digit.repeat(64);
const at = (digit: string) => [
  { path: "/opt/bascule/node/24.21.0-0123456789ab", sha256: hash("9") },
  { path: `/srv/shop/releases/${hash(digit)}`, sha256: hash(digit) },
];

describe("releases: what green keeps", () => {
  it("is one line per artefact, newest first, whatever else changed between two applies", () => {
    const releases = [
      { hash: "4", archives: at("b") },
      { hash: "3", archives: at("b") },
      { hash: "2", archives: at("a") },
    ];
    assert.deepEqual(keptReleases("shop", "3", releases), [
      { release: hash("b"), bundle: "4", runs: true },
      { release: hash("a"), bundle: "2", runs: false },
    ]);
  });

  it("leaves out what is no release of this application", () => {
    assert.deepEqual(keptReleases("shopping", "2", [{ hash: "2", archives: at("a") }]), []);
  });
});

describe("releases: which one to go back to", () => {
  const kept: KeptRelease[] = ["c", "b", "a"].map((digit, index) => ({
    release: hash(digit),
    bundle: digit,
    runs: index === 0,
  }));
  const choose = (to?: string, pinned: string | null = null, from = kept) =>
    chooseRelease(from, to, pinned, "prod").release;

  it("is the one before, or the one that is named", () => {
    assert.equal(choose(), hash("b"));
    assert.equal(choose("aaaaaaaa"), hash("a"));
    assert.equal(choose(hash("b"), hash("c")), hash("b"));
  });

  for (const [what, act, message] of [
    ["one that is not there", () => choose("dddddddd"), /0 of the releases green keeps begin like that/],
    ["too few digits", () => choose("aaa"), /at least 8 digits/],
    ["the one that runs", () => choose("cccccccc"), /is the one that runs/],
    [
      "any, when there is only one",
      () => choose(undefined, null, kept.slice(0, 1)),
      /no release before the one that runs/,
    ],
    ["any, when somebody went back already", () => choose(undefined, hash("c")), /holds on to cccccccccccccccc/],
  ] as const) {
    it(`is not ${what}`, () => assert.throws(act, message));
  }

  it("is recorded by an update of the application alone", () => {
    const urn = (chain: string) => `urn:pulumi:prod::bascule::bascule:topology:SingleVps$${chain}::x`;
    const service = urn("bascule:app:App$bascule:compute:HostService$command:remote:Command");
    const other = urn("bascule:cache:Redis$bascule:compute:HostService$command:remote:Command");
    // As an engine named them in the plan of a rollback.
    const recorded = [
      service,
      urn("pulumi-nodejs:dynamic/bascule:HostState"),
      "urn:pulumi:prod::bascule::pulumi:providers:pulumi-nodejs::default",
    ];
    const update = (name: string) => ({ urn: name, steps: ["update"] });
    assert.deepEqual(objections(recorded.map(update), PART), []);
    assert.deepEqual(objections([update(other)], PART), [`would update ${other}, which is not the application`]);
  });
});

describe("migrations as a job", () => {
  it("name the application and what is asked, and carry no secret", () => {
    const { script, secrets, user } = schemaJob("shop", "list");
    assert.match(script, /^export APP='shop' VERB=list\n/);
    assert.deepEqual([secrets, user], [{}, "root"]);
  });

  it("say what they found in the last line", () => {
    const state = { applied: ["001_a.sql"], pending: [], unknown: [] };
    assert.deepEqual(parseSchemaState(`applied by another release\n${JSON.stringify(state)}\n`), state);
    assert.throws(() => parseSchemaState("psql: error"), /without saying what is applied: psql: error/);
  });
});
