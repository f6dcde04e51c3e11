import assert from "node:assert/strict";
import { globSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { cacheDirectory } from "../../tools/cache.ts";
import { ensurePythonTool, OutOfReach } from "../../tools/python.ts";

const project = fileURLToPath(new URL("../../", import.meta.url));

describe("the Python programs that run on a server", function () {
  // The first time mypy is installed (10 s); later a run takes a second.
  this.timeout(180_000);
  let mypy: string;

  before(async function () {
    try {
      mypy = join(await ensurePythonTool("mypy", () => undefined), "mypy");
    } catch (error) {
      if (!(error instanceof OutOfReach)) throw error;
      console.log(`    types of the Python programs were not checked: ${error.message}`);
      this.skip();
    }
  });

  const check = (files: string[]) =>
    execa(mypy, ["--cache-dir", join(cacheDirectory(), "mypy"), ...files], { cwd: project, all: true, reject: false });

  it("are typed, strictly and without a gap", async () => {
    const files = globSync("provisioning/**/*.py", { cwd: project });
    assert.ok(files.includes("provisioning/hostctl/hostctl/apply.py") && files.includes("provisioning/app/migrate.py"));
    const { exitCode, all } = await check(files);
    assert.equal(exitCode, 0, all);
    assert.match(all, new RegExp(`no issues found in ${files.length} source files`));
  });

  it("would not pass with a wrong type", async () => {
    const { exitCode, all } = await check(["-c", "from hostctl.release import state_of\nstate_of(1).curent"]);
    assert.equal(exitCode, 1, all);
    assert.match(all, /incompatible type "int"; expected "str"/);
    assert.match(all, /"State" has no attribute "curent"/);
  });
});
