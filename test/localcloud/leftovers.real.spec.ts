import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { INSTANCE_LABEL } from "../../localcloud/instance.ts";
import { openDocker } from "../../localcloud/machines/engine.ts";
import { removeLeftovers } from "../support/leftovers.ts";

describe("what a killed test run leaves behind", function () {
  this.timeout(60_000);
  it("is removed by the next one, and what belongs to a run that is alive is not", async () => {
    const docker = openDocker();
    const { pid: dead } = spawnSync("true");
    const network = async (instance: string) =>
      docker.createNetwork({ Name: `lc-${instance}`, Labels: { [INSTANCE_LABEL]: instance }, Internal: true });
    const [gone, alive] = [`test-p${dead}-7`, `test-p${process.pid}-7`];
    const kept = await network(alive);
    try {
      await network(gone);
      assert.ok((await removeLeftovers(() => undefined)).includes(gone));
      const names = (await docker.listNetworks()).map(({ Name }) => Name);
      assert.deepEqual([names.includes(`lc-${gone}`), names.includes(`lc-${alive}`)], [false, true]);
    } finally {
      await kept.remove();
    }
  });
});
