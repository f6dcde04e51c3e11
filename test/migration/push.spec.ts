import { ok, rejects, strictEqual } from "node:assert";
import { LocalApplier } from "../../migration/postgres/applier/host.ts";
import { PushPath, streamFrom } from "../../migration/postgres/applier/path.ts";
import { flip } from "../../migration/postgres/flip.ts";
import { LINES, type Line } from "../../migration/postgres/lines.ts";
import { writeFenceMarker } from "../../migration/postgres/marker.ts";
import type { Move } from "../../migration/postgres/move.ts";
import { streamName } from "../../migration/postgres/names.ts";
import type { Snapshots } from "../../migration/postgres/snapshots.ts";
import { renderVerification } from "../../migration/postgres/verify/render.ts";
import { type Verification, verify } from "../../migration/postgres/verify/verify.ts";
import { type LivePair, startLivePair } from "./support/run.ts";

const who = "the test";

describe("writes that come back by the push applier", function () {
  this.timeout(60_000);
  let pair: LivePair;
  let move: Move;
  let applier: LocalApplier;

  before(async () => {
    pair = await startLivePair(15, 17);
    applier = new LocalApplier(streamFrom("green", pair));
    move = { ...pair.move, paths: { ...pair.move.paths, green: new PushPath("green", applier) } };
    await pair.shoppers.progress(100);
  });
  after(async () => {
    await applier?.stop();
    await pair?.remove();
  });

  it("is begun anew after a flip that was put back once the new side had its marker, and nobody else", async () => {
    const marked: Line["run"] = async ({ id, move: { paths }, lease, to }) => {
      await writeFenceMarker(lease.at, paths[to], id);
      throw new Error("the power is gone");
    };
    const lines = LINES.map((line) => (line.name === "F9" ? { ...line, run: marked } : line));
    await rejects(flip(move, { to: "green", who, lines }), /the writes are at blue as before.*the power is gone/);
    await pair.intact();
  });

  it("loses none, shows no client an error, and is proven each time, twice there and back", async () => {
    for (const to of ["green", "blue", "green", "blue"] as const) {
      let proven: Verification | undefined;
      const prove = async (snapshots: Snapshots) => {
        proven = await verify(pair, { snapshots });
      };
      const { freezeMs, proof } = await flip(move, { to, who, prove });
      // Users have gone on writing since; both sides are compared as they were in the freeze.
      await proof;
      ok(proven?.equal, proven === undefined ? "no proof" : renderVerification(proven));
      ok(freezeMs > 0 && freezeMs < 5_000, `${freezeMs} ms`);
      strictEqual(await pair.writer(), to);
      await pair.intact();
    }
  });

  it("loses none of a green that took the place of one whose log was longer", async () => {
    await pair.blue.query("UPDATE bascule.apply_progress SET commit_lsn = 'FFFF/0' WHERE slot = $1", [
      streamName("green"),
    ]);
    for (const to of ["green", "blue"] as const) {
      await flip(move, { to, who });
      await pair.intact();
    }
    await pair.finish();
    strictEqual(pair.shoppers.outcomes.errors.join("\n"), "");
  });
});
