import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { createCommands, stoppable } from "../../examples/girlycrea/run/commands.ts";
import { placeOf } from "../../examples/girlycrea/run/place.ts";

describe("the commands of a run", () => {
  it("fail with what was printed last", async () => {
    await assert.rejects(
      createCommands().run("sh", ["-c", "echo on stdout; echo on stderr >&2; exit 3"]),
      (error: Error) =>
        /ended with exit code 3/.test(error.message) &&
        /on stdout/.test(error.message) &&
        /on stderr/.test(error.message),
    );
  });

  it("do not follow the environment of another stack", async () => {
    process.env.PULUMI_BACKEND_URL = "file:///somebody-elses";
    try {
      const print = ["-c", 'echo "$' + "{PULUMI_BACKEND_URL:-none} $" + '{PULUMI_STACK:-none}"'];
      assert.equal(await createCommands().run("sh", print, { env: { PULUMI_STACK: "local" } }), "none local");
    } finally {
      delete process.env.PULUMI_BACKEND_URL;
    }
  });

  it("end when they are asked to, and nothing of the interrupted work is started afterwards", async () => {
    const commands = createCommands();
    const stopping = new AbortController();
    const work = stoppable(commands, stopping.signal);
    const ended = assert.rejects(work.run("sh", ["-c", "trap 'exit 9' INT; while :; do sleep 0.05; done"]), /code 9/);
    await sleep(300);
    stopping.abort(new Error("stopped"));
    await commands.interrupt();
    await ended;
    await assert.rejects(work.run("sh", ["-c", "true"]), /stopped/);
    assert.equal(await commands.run("sh", ["-c", "echo clearing up"]), "clearing up");
  });

  it("are not waited for when they never began", async () => {
    const commands = createCommands();
    await assert.rejects(commands.run("/there/is/no/such/program", []), /ENOENT/);
    const asked = performance.now();
    await commands.interrupt();
    assert.ok(performance.now() - asked < 5_000);
  });
});

describe("the place of a run", () => {
  for (const name of ["..", "a/b", "", "Local"])
    it(`refuses the name '${name}'`, () => assert.throws(() => placeOf(name, "/tmp"), /--name '.*': allowed are/));
});
