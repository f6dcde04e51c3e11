import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { refuseUnlessGone } from "../../automation/abandon.ts";
import { OperatorError } from "../../automation/errors.ts";
import { connectHost } from "../../automation/host.ts";

describe("a green that may be gone", () => {
  const folder = mkdtempSync(join(tmpdir(), "bascule-gone-"));
  const before = process.env.PATH;

  afterEach(() => {
    process.env.PATH = before;
  });
  after(() => rmSync(folder, { recursive: true }));

  /** What the operator's verbs make of it when the ssh client ends so. */
  const errorOf = async (code: number, said: string) => {
    writeFileSync(join(folder, "ssh"), `#!/bin/sh\necho '${said}' >&2\nexit ${code}\n`, { mode: 0o755 });
    process.env.PATH = [folder, before].join(delimiter);
    const place = { serverAddress: "192.0.2.1", deployUser: "deploy", hostKey: "ssh-ed25519 AAAA" };
    const host = connectHost(place, "key");
    try {
      return await host.hostctl(["job", "wait"]).catch((error: unknown) => error);
    } finally {
      await host.close();
    }
  };

  it("is gone when nobody answers at its address", async () => {
    const error = await errorOf(255, "connect to host 192.0.2.1 port 22: Connection timed out");
    assert.ok(error instanceof OperatorError);
    assert.match(error.message, /cannot reach green at deploy@192\.0\.2\.1: .*timed out/);
    refuseUnlessGone(error);
  });

  it("is not when its server answers, whatever is wrong with its data", async () => {
    const error = await errorOf(1, "the disk is full");
    assert.throws(
      () => refuseUnlessGone(error),
      (refused: unknown) =>
        refused instanceof OperatorError &&
        refused.exitCode === 30 &&
        /still take writes.*the disk is full/.test(refused.message) &&
        /switch that server off/.test(refused.remedy),
    );
  });

  it("is not by an error of our own making", () => {
    assert.throws(() => refuseUnlessGone(new TypeError("x is not a function")), /x is not a function/);
  });
});
