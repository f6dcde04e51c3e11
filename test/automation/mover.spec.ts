import assert from "node:assert/strict";
import { OperatorError } from "../../automation/errors.ts";
import type { Host } from "../../automation/host.ts";
import { runMover } from "../../automation/mover.ts";
import type { Report } from "../../automation/report.ts";

interface Asked {
  words: string;
  stdin: string;
}

/** A server that answers `job start` with what is given, and each `job wait` with the next status. */
function hostWith(statuses: object[], start: () => string = () => "{}"): { host: Host; asked: Asked[] } {
  const asked: Asked[] = [];
  const host: Host = {
    hostctl: async (words, { stdin = "" } = {}) => {
      asked.push({ words: words.join(" "), stdin });
      if (words[1] === "start") return start();
      const status = statuses.shift();
      assert.ok(status, "it went on asking after the end");
      return JSON.stringify(status);
    },
    close: async () => {},
  };
  return { host, asked };
}

function listener(): { report: Report; lines: string[] } {
  const lines: string[] = [];
  return {
    lines,
    report: { line: (text) => void lines.push(text), step: (_name, run) => run(), seconds: () => 0 },
  };
}

const text = (...events: object[]) => events.map((event) => `${JSON.stringify(event)}\n`).join("");
const begun = { event: "step", what: "rows" };
const halfway = { event: "progress", what: "3 of 6 tables", share: 0.5, secondsLeft: 7.2 };
const done = { event: "result", result: { state: "current" } };

describe("the mover as the operator's verbs run it", () => {
  it("is a job of postgres, and each of its lines is told once", async () => {
    const { host, asked } = hostWith([
      { state: "running", output: text(begun) },
      { state: "running", output: `${text(begun, halfway)}{"event":"resu` },
      { state: "done", output: text(begun, halfway, done), exitCode: 0 },
    ]);
    const { report, lines } = listener();
    assert.deepEqual(await runMover(host, { verb: "sync" }, report), { state: "current" });
    assert.deepEqual(lines, ["rows", "   50 % 3 of 6 tables, about 8 s left"]);
    const job = JSON.parse(asked[0]?.stdin ?? "");
    assert.equal(asked[0]?.words, "job start --name data-sync");
    assert.equal(job.user, "postgres");
    assert.match(job.script, /exec \/usr\/local\/lib\/bascule\/mover\/run sync --who /);
  });

  it("follows one that runs already, whoever began it", async () => {
    const running = () => {
      throw new OperatorError(
        "hostctl job start failed on green: data-sync is running; see: hostctl job status --name data-sync",
        "",
      );
    };
    const { host } = hostWith([{ state: "done", output: text(done), exitCode: 0 }], running);
    const { report, lines } = listener();
    assert.deepEqual(await runMover(host, { verb: "sync" }, report), { state: "current" });
    assert.deepEqual(lines, ["data-sync is at work on green already; following it"]);
  });

  it("need not wait for the proof of a flip", async () => {
    const flipped = { event: "flipped", freezeMs: 81.4, to: "blue" };
    const { host, asked } = hostWith([{ state: "running", output: text(flipped) }]);
    const { report, lines } = listener();
    const { freezeMs } = await runMover<typeof flipped>(
      host,
      { verb: "flip", args: ["--to", "blue"], until: "flipped" },
      report,
    );
    assert.equal(freezeMs, 81.4);
    assert.deepEqual(lines, ["the writes are at blue; they were held for 81 ms"]);
    assert.equal(asked[0]?.words, "job start --name data-flip-blue");
  });

  it("says of the keys how long they were held, and what was kept of what was promised", async () => {
    const keys = { to: "green", freezeMs: 212.6, promises: ['keys "session:*" (copy): converged and compared.'] };
    const flipped = { event: "flipped", freezeMs: 81.4, to: "green", keys };
    const { host } = hostWith([{ state: "done", output: text(flipped, done), exitCode: 0 }]);
    const { report, lines } = listener();
    await runMover(host, { verb: "flip", args: ["--to", "green"] }, report);
    assert.deepEqual(lines, [
      "the writes are at green; they were held for 81 ms",
      "the keys are at green; they were held for 213 ms",
      '  keys "session:*" (copy): converged and compared.',
    ]);
  });

  const ends: [kind: string, code: number][] = [
    ["refused", 30],
    ["reverted", 20],
    ["failed", 1],
  ];
  for (const [kind, exitCode] of ends)
    it(`ends with ${exitCode} where the mover says ${kind}, in its words`, async () => {
      const output = text(begun, { event: "error", kind, message: "green is not current" });
      const { host } = hostWith([{ state: "failed", output, exitCode }]);
      await assert.rejects(runMover(host, { verb: "flip" }, listener().report), (error: unknown) => {
        assert.ok(error instanceof OperatorError);
        assert.equal(error.exitCode, exitCode);
        assert.match(error.message, /green is not current/);
        return true;
      });
    });

  it("says the last lines of one that ended without a word of its own", async () => {
    const output = "node: error while loading shared libraries\n";
    const { host } = hostWith([{ state: "failed", output, exitCode: 127 }]);
    await assert.rejects(
      runMover(host, { verb: "status" }, listener().report),
      /exit 127\): node: error while loading shared libraries/,
    );
  });
});
