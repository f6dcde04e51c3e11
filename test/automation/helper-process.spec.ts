import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { endHelper, helperLives } from "../../automation/helper-process.ts";

describe("a helper that was written down", () => {
  it("is not ended when its number is another program's by now", async () => {
    const stranger = spawn("sleep", ["60"]);
    try {
      await once(stranger, "spawn");
      endHelper(stranger.pid);
      await new Promise((resolve) => setTimeout(resolve, 100));
      assert.equal(stranger.signalCode, null);
    } finally {
      stranger.kill("SIGKILL");
    }
  });

  it("is ended when it is still the one", async () => {
    const helper = spawn("sh", ["-c", "sleep 60; : localcloud/bin.mjs"]);
    await once(helper, "spawn");
    assert.equal(helperLives(helper.pid ?? 0), true);
    const ended = once(helper, "exit");
    endHelper(helper.pid);
    assert.deepEqual(await ended, [null, "SIGTERM"]);
  });

  it("may have ended by itself", () => {
    assert.equal(helperLives(2 ** 22 + 1), false);
    assert.doesNotThrow(() => endHelper(2 ** 22 + 1));
    assert.doesNotThrow(() => endHelper(undefined));
  });
});
