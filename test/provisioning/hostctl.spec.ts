import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";

describe("hostctl", () => {
  it("passes its own tests (python3 test/provisioning/hostctl_test.py shows them one by one)", async function () {
    this.timeout(120_000);
    const child = spawn("python3", ["-W", "error", new URL("./hostctl_test.py", import.meta.url).pathname], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    let text = "";
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
    const [code] = await once(child, "close");
    assert.equal(code, 0, text);
    assert.match(text, /Ran [4-9]\d tests/);
  });
});
