import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isAlive, withLock, withWorkDirectory } from "../../tools/cache.ts";
import { step } from "../../tools/report.ts";
import { runGroup } from "../../tools/run.ts";
import { createSandbox, type Sandbox } from "./support.ts";

describe("tools: work that can be interrupted", () => {
  let sandbox: Sandbox;
  beforeEach(async () => {
    sandbox = await createSandbox();
  });
  afterEach(() => sandbox.close());

  describe("work directories", () => {
    it("are gone after success and after failure", async () => {
      await withWorkDirectory((directory) => writeFile(join(directory, "file"), "x"));
      await assert.rejects(
        withWorkDirectory(async (directory) => {
          await mkdir(join(directory, "deep"));
          throw new Error("no");
        }),
        { message: "no" },
      );
      assert.deepEqual(await readdir(join(sandbox.directory, "tmp")), []);
    });

    it("of a killed run are swept by the next; those of a living run, and other folders, are not", async () => {
      const { pid: dead } = spawnSync("true");
      const parent = join(sandbox.directory, "tmp");
      const kept = [`bascule-${process.pid}-AbCdEf`, `bascule-${dead}-notours`, "somebody-1-AbCdEf"];
      for (const name of [...kept, `bascule-${dead}-AbCdEf`]) {
        await mkdir(join(parent, name));
      }
      await withWorkDirectory(async () => undefined);
      assert.deepEqual((await readdir(parent)).sort(), kept.sort());
    });
  });

  describe("locks", () => {
    it("let one after the other in, and say whom the second waits for", async () => {
      const order: string[] = [];
      const work = (name: string) =>
        withLock("test", sandbox.report, async () => {
          order.push(`${name} in`);
          await sleep(50);
          order.push(`${name} out`);
        });
      await Promise.all([work("a"), work("b")]);
      assert.deepEqual(order, ["a in", "a out", "b in", "b out"]);
      assert.deepEqual(sandbox.lines, [`waiting for process ${process.pid}, which is at the same work (test)`]);
    });

    it("are free again after a failure", async () => {
      await assert.rejects(
        withLock("test", sandbox.report, () => Promise.reject(new Error("no"))),
        { message: "no" },
      );
      assert.equal(await withLock("test", sandbox.report, async () => "in"), "in");
      assert.deepEqual(sandbox.lines, []);
    });

    it("of different names do not meet", async () => {
      await withLock("one", sandbox.report, () => withLock("two", sandbox.report, async () => undefined));
      assert.deepEqual(sandbox.lines, []);
    });
  });

  describe("programs that start others", () => {
    it("hand over all that was said, and the exit code", async () => {
      const run = await runGroup("sh", ["-c", "echo out; echo err >&2; exit 3"], {});
      assert.deepEqual(run, { failed: true, exitCode: 3, output: "out\nerr" });
    });

    it("report a program that is not there as failed", async () => {
      assert.equal((await runGroup(join(sandbox.directory, "nothing"), [], {})).failed, true);
    });

    it("end with all that they started when interrupted", async () => {
      const file = join(sandbox.directory, "pid");
      const interruption = new AbortController();
      const script = `sh -c 'trap "" TERM; echo $$ > ${file}; sleep 0.5' & sleep 60`;
      const run = runGroup("sh", ["-c", script], { signal: interruption.signal });
      while (!existsSync(file) || readFileSync(file, "utf8") === "") {
        await sleep(10);
      }
      interruption.abort(new Error("interrupted"));
      await assert.rejects(run, { message: "interrupted" });
      assert.equal(
        isAlive(Number(readFileSync(file, "utf8"))),
        false,
        "the grandchild, which ignored the signal, is gone",
      );
    });

    it("do not begin after an interruption", async () => {
      const file = join(sandbox.directory, "begun");
      const signal = AbortSignal.abort(new Error("interrupted"));
      await assert.rejects(runGroup("touch", [file], { signal }), { message: "interrupted" });
      assert.equal(existsSync(file), false);
    });
  });

  describe("progress", () => {
    it("says what begins and, for quick work, no more", async () => {
      assert.equal(await step(sandbox.report, "quick", async () => 1), 1);
      assert.deepEqual(sandbox.lines, ["quick"]);
    });

    it("closes longer work with its time", async () => {
      await step(sandbox.report, "slow", () => sleep(2_050));
      assert.deepEqual(sandbox.lines, ["slow", "slow: done in 2 s"]);
    });

    it("announces nothing as done that failed", async () => {
      await assert.rejects(
        step(sandbox.report, "broken", async () => {
          await sleep(2_050);
          throw new Error("no");
        }),
      );
      assert.deepEqual(sandbox.lines, ["broken"]);
    });
  });
});
