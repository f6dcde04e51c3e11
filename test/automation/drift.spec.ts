import assert from "node:assert/strict";
import { compared, driftTable } from "../../automation/drift.ts";
import { OperatorError } from "../../automation/errors.ts";

const entry = {
  kind: "file",
  name: "/etc/nginx/nginx.conf",
  what: "content",
  expected: "0123456789abcdef",
  actual: "fedcba9876543210",
};
const answer = (drift: unknown[], clean = drift.length === 0) =>
  JSON.stringify({ clean, services: [{ service: "nginx", hash: "00112233", drift }] });

describe("automation: drift", () => {
  it("no data is never 'no drift'", () => {
    const refused = (text: string, only?: string) => {
      assert.throws(
        () => compared("prod", text, only),
        (error) => error instanceof OperatorError && error.exitCode === 1 && error.remedy.includes("--stack prod"),
        text,
      );
    };
    refused("");
    refused("Traceback (most recent call last):");
    refused('{"result":"refused","step":"host","reason":"hostctl needs root"}');
    refused('{"clean":true,"services":[]}');
    refused('{"clean":true,"services":[]}', "nginks");
    refused('{"clean":true,"services":[{"service":"nginx","hash":"00"}]}');
  });

  it("the differences themselves count, whatever 'clean' says", () => {
    assert.equal(compared("prod", answer([entry], true)).clean, false);
    assert.equal(compared("prod", answer([])).repair, null);
  });

  it("the table names service, place and difference, and the command that repairs", () => {
    const shown = driftTable(compared("prod", answer([entry])));
    for (const word of ["nginx", "file", "content", entry.name, entry.expected, entry.actual]) {
      assert(shown.includes(word), word);
    }
    assert.match(shown, /Repair it with: pulumi up --refresh --stack prod\n/);
    assert.equal(driftTable(compared("prod", answer([]))), "No drift in nginx.");
  });
});
