import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";

describe("hostctl", () => {
  const folder = new URL("./hostctl/", import.meta.url).pathname;
  for (const name of readdirSync(folder).filter((name) => name.endsWith("_test.py")))
    it(`passes its own tests (cd test/provisioning/hostctl && python3 -m unittest -v ${name})`, async function () {
      this.timeout(300_000);
      const child = spawn("python3", ["-W", "error", "-m", "unittest", name], {
        cwd: folder,
        stdio: ["ignore", "ignore", "pipe"],
      });
      let text = "";
      child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      const [code] = await once(child, "close");
      assert.equal(code, 0, text);
      assert.match(text, /Ran [1-9]\d* tests/);
    });
});
