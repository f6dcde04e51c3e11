import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";

describe("hostctl", () => {
  it("does not grow past 1,650 lines, when 1,000 are wanted", () => {
    const folder = new URL("../../provisioning/hostctl/", import.meta.url);
    const modules = readdirSync(new URL("hostctl/", folder)).filter((name) => name.endsWith(".py"));
    const files = ["__main__.py", ...modules.map((name) => `hostctl/${name}`)];
    const lines = files.flatMap((name) => readFileSync(new URL(name, folder), "utf8").trimEnd().split("\n"));
    assert.ok(lines.length <= 1650, `${lines.length} lines`);
    assert.deepEqual(
      lines.filter((line) => line.length > 130),
      [],
    );
  });

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
