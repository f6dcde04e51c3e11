import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Artefact, buildArtefact } from "../../examples/girlycrea/app/build.ts";

describe("the shop's artefact", () => {
  const folder = mkdtempSync(join(tmpdir(), "girly-test-"));
  let artefact: Artefact;
  before(async () => {
    artefact = await buildArtefact(join(folder, "one.tar.gz"));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("has the same hash when it is built again", async () => {
    const again = await buildArtefact(join(folder, "two.tar.gz"));
    assert.equal(again.hash, artefact.hash);
  });

  it("is one file, owned by nobody in particular, under 1.5 MB", () => {
    const listing = execFileSync("tar", ["-tvzf", artefact.path, "--numeric-owner", "--utc"], { encoding: "utf8" });
    assert.match(listing, /^-rw-r--r-- 0\/0 +\d+ 1970-01-01 00:00 server\.mjs\n$/);
    assert.ok(artefact.bytes < 1_500_000, `${artefact.bytes} bytes`);
  });

  it("has its migrations beside it in the release after", async () => {
    const next = await buildArtefact(join(folder, "next.tar.gz"), true);
    assert.notEqual(next.hash, artefact.hash);
    const listing = execFileSync("tar", ["-tzf", next.path], { encoding: "utf8" }).split("\n");
    assert.ok(listing.includes("migrations/001_order_versions.verify.sql"), listing.join(" "));
    assert.equal((await buildArtefact(join(folder, "next-again.tar.gz"), true)).hash, next.hash);
  });

  it("refuses to start without its environment and names every variable", () => {
    execFileSync("tar", ["-xzf", artefact.path, "-C", folder]);
    const { status, stderr } = spawnSync(process.execPath, [join(folder, "server.mjs")], {
      encoding: "utf8",
      env: { PORT: "70000", REDIS_URL: "http://127.0.0.1" },
    });
    assert.equal(status, 1);
    for (const name of ["DATABASE_URL", "REDIS_URL", "PORT", "SHOP_SIDE"])
      assert.match(stderr, new RegExp(`at ${name}\\b`));
  });
});
