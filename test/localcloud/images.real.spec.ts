import assert from "node:assert/strict";
import { execa } from "execa";
import { imageId, openDocker } from "../../localcloud/machines/engine.ts";

describe("images that servers boot from", function () {
  this.timeout(60_000);
  it("are ours, not a newer one that somebody built on top of one of them", async () => {
    const docker = openDocker();
    const ours = await imageId(docker, "debian-13");
    const derived = `bascule-test-derived-${process.pid}`;
    await execa("docker", ["build", "--quiet", "--tag", derived, "-"], {
      input: `FROM ${ours}\nLABEL built.by=test\n`,
    });
    try {
      const { Config } = await docker.getImage(derived).inspect();
      assert.equal(Config.Labels?.["localcloud.image"], "debian-13");
      assert.equal(await imageId(docker, "debian-13"), ours);
    } finally {
      await docker.getImage(derived).remove();
    }
  });
});
