import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT, STACK } from "../../examples/girlycrea/run/place.ts";
import { run } from "../support/local-cloud.ts";
import { until, World } from "./world.ts";

describe("npm start, stopped by Ctrl-C", function () {
  this.timeout("5m");
  const world = new World();
  after(() => world.discard());

  it("removes what it had made and puts the stack file back", async () => {
    const where = ["--name", world.instance, "--project", world.project];
    const start = spawn(process.execPath, [join(ROOT, "examples/girlycrea/start.ts"), ...where], {
      env: { ...process.env, ...world.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let said = "";
    for (const stream of [start.stdout, start.stderr]) {
      stream.on("data", (chunk) => {
        said += chunk;
      });
    }
    const ended = once(start, "close");
    await until("blue is being built", 120, () => said.includes("blue is server"));
    start.kill("SIGINT");
    const [code] = await ended;
    assert.equal(code, 130, said);
    assert.match(said, /everything is gone/);
    for (const kind of ["container", "network", "volume"]) {
      const { stdout } = await run("docker", [
        kind,
        "ls",
        "--filter",
        `label=localcloud.instance=${world.instance}`,
        "--quiet",
      ]);
      assert.equal(stdout.trim(), "", `a ${kind[0]} is left`);
    }
    assert.equal(world.stackFile(), readFileSync(join(ROOT, `Pulumi.${STACK}.yaml`), "utf8"));
  });
});
