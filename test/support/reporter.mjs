import { relative } from "node:path";
import mocha from "mocha";

const { EVENT_RUN_END } = mocha.Runner.constants;

/** The spec reporter, closed by a line for each failure and the one line that says how the run went. */
export default class ClosingLine extends mocha.reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    runner.once(EVENT_RUN_END, () => {
      const { passes, failures, pending } = this.stats;
      for (const test of this.failures) console.log(failureLine(test));
      const skipped = pending > 0 ? `, ${pending} skipped` : "";
      console.log(`${passes} passed, ${failures} failed${skipped}`);
    });
  }
}

function failureLine(test) {
  const [reason = ""] = String(test.err?.message ?? test.err).split("\n");
  return `failed: ${relative(process.cwd(), test.file ?? "")}: ${test.fullTitle()}: ${reason}`;
}
