import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { PAGE, pluginsPage } from "../../localcloud/plugins/table.ts";

describe("plugins: docs/plugins.md", () => {
  it("says what the stand-ins accept today", async () => {
    const written = readFileSync(PAGE, "utf8");
    assert.equal(written, await pluginsPage(), "run: npx node localcloud/plugins/table.ts");
  });

  it("names every resource with what is missing", async () => {
    const page = await pluginsPage();
    for (const row of [
      "| `Server` |",
      "| `remote.Command` |",
      "| `LoadBalancer` |",
      "| `RandomPassword` |",
      "| `Role` |",
    ]) {
      assert.ok(page.includes(row), `${row} is not there`);
    }
    assert.match(page, /`placementGroupId`.*: the local cloud has no such thing/);
  });
});
