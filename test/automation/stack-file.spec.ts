import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isLocal, openStackFile } from "../../automation/stack-file.ts";

const TEXT = `# why this stack exists
config:
  hcloud:endpoint: http://127.0.0.1:4380/hetzner/v1
  # share of green
  bascule:traffic:
    weight: 0 # flipped by the cutover
    steering: load-balancer
`;

function project(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), "bascule-test-"));
  writeFileSync(join(folder, "Pulumi.local.yaml"), text);
  return folder;
}

describe("the stack file", () => {
  it("changes one field and keeps every comment", () => {
    const folder = project(TEXT);
    openStackFile(folder, "local").set("bascule:traffic", "weight", 50);
    assert.equal(readFileSync(join(folder, "Pulumi.local.yaml"), "utf8"), TEXT.replace("weight: 0", "weight: 50"));
  });

  it("makes the setting when it is not there", () => {
    const file = openStackFile(project("config:\n  bascule:zone: a.test\n"), "local");
    file.set("bascule:traffic", "weight", 10);
    assert.equal(file.get("bascule:traffic", "weight"), 10);
  });

  it("drops ciphertexts and salt, and nothing else", () => {
    const folder = project(`${TEXT}  hcloud:token:\n    secure: v1:abc\nencryptionsalt: v1:def\n`);
    openStackFile(folder, "local").dropEncryption();
    assert.equal(readFileSync(join(folder, "Pulumi.local.yaml"), "utf8"), TEXT);
  });

  it("says which file is missing and how to make it", () => {
    assert.throws(() => openStackFile(project(TEXT), "prdo"), /there is no .*Pulumi\.prdo\.yaml/);
  });

  it("says what is wrong with broken YAML", () => {
    const file = openStackFile(project("config:\n\t- broken: ["), "local");
    assert.throws(() => file.get("bascule:traffic"), /is not valid YAML/);
  });

  it("knows a stack on the local cloud by its endpoint", () => {
    assert.equal(isLocal(openStackFile(project(TEXT), "local")), true);
    assert.equal(isLocal(openStackFile(project("config:\n  bascule:zone: a.test\n"), "local")), false);
  });
});
