import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { codeOf, modulesOf } from "../../provisioning/hostctl/pack.ts";

function linesOf(text: Buffer): string[] {
  return text.toString().trimEnd().split("\n");
}

describe("hostctl", () => {
  // Counted is what travels of the package `hostctl`: no empty line, comment or docstring. Not counted: `jobs`, a package of its
  // own, and `__main__.py`, which unpacks both.
  it("converges in fewer than 1,000 lines of code", () => {
    const lines = modulesOf("hostctl").flatMap((name) => linesOf(codeOf(name)).filter((line) => line !== ""));
    assert.ok(lines.length < 1000, `${lines.length} lines`);
    assert.ok(lines.includes("def main(argv: list[str]) -> int:"), "it counts");
  });

  it("has no line of more than 130 characters", () => {
    const sources = new URL("../../provisioning/hostctl/", import.meta.url);
    const names = ["__main__.py", ...modulesOf("hostctl"), ...modulesOf("jobs")];
    const lines = names.flatMap((name) => linesOf(readFileSync(new URL(name, sources))));
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
