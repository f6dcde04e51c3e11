import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** How one run of Mocha ended. */
export interface Outcome {
  passed: number;
  failed: number;
  skipped: number;
  code: number;
  /** A line for each failed test: its file, its name, the reason's first line. */
  failures: string[];
}

const closing = /^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/;

/** Files that one Mocha runs one after the other, and what its environment has beside ours. */
export interface Lane {
  files: string[];
  env?: Record<string, string>;
}

/** Runs one set of lanes after the other; those without a file are left out. @throws Error when there is no file at all */
export async function runStages(stages: Lane[][], mocha: string, cwd: string): Promise<Outcome> {
  const wanted = stages
    .map((lanes) => lanes.filter(({ files }) => files.length > 0))
    .filter(({ length }) => length > 0);
  if (wanted.length === 0)
    throw new Error("no test file has such a name; npm test -- test/settings runs those of one folder");
  const outcomes: Outcome[] = [];
  for (const lanes of wanted) outcomes.push(await runLanes(lanes, mocha, cwd));
  return sumOf(outcomes);
}

/**
 * Runs Mocha once per lane, side by side: servers spend much of their time waiting, and a second core would wait with them. The
 * first lane is shown as it goes; what the others print follows whole, so that no line of one stands between lines of another.
 * The failures of all lanes are left to the caller, for the end: nobody reads back through a thousand lines.
 */
async function runLanes(lanes: Lane[], mocha: string, cwd: string): Promise<Outcome> {
  const held = lanes.map(() => [] as string[]);
  const running = lanes.map((lane, index) =>
    runLane(lane, mocha, cwd, (line) => (index === 0 ? console.log(line) : held[index]?.push(line))),
  );
  const outcomes: Outcome[] = [];
  for (const [index, lane] of running.entries()) {
    outcomes.push(await lane);
    for (const line of held[index] ?? []) console.log(line);
  }
  return sumOf(outcomes);
}

function sumOf(outcomes: Outcome[]): Outcome {
  return {
    passed: outcomes.reduce((sum, { passed }) => sum + passed, 0),
    failed: outcomes.reduce((sum, { failed }) => sum + failed, 0),
    skipped: outcomes.reduce((sum, { skipped }) => sum + skipped, 0),
    code: Math.max(0, ...outcomes.map(({ code }) => code)),
    failures: outcomes.flatMap(({ failures }) => failures),
  };
}

async function runLane(
  { files, env }: Lane,
  mocha: string,
  cwd: string,
  print: (line: string) => void,
): Promise<Outcome> {
  const color = process.stdout.isTTY ? ["--color"] : [];
  const child = spawn(process.execPath, [mocha, ...color, ...files], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const outcome: Outcome = { passed: 0, failed: 0, skipped: 0, code: 1, failures: [] };
  let closed = false;
  const read = (line: string) => {
    if (line.startsWith("failed: ")) return void outcome.failures.push(line);
    const figures = closing.exec(line);
    if (figures === null) return print(line);
    closed = true;
    const [, passed, failed, skipped = 0] = figures;
    Object.assign(outcome, { passed: Number(passed), failed: Number(failed), skipped: Number(skipped) });
  };
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on("line", read);
  outcome.code = await new Promise((resolve) => child.once("close", (code) => resolve(code ?? 1)));
  // A Mocha that broke off before its end has counted nothing: that is a failure and not an empty success.
  if (closed) return outcome;
  outcome.failed += 1;
  outcome.failures.push(`failed: Mocha ended with ${outcome.code} before its end, with ${files.join(" ")}`);
  return outcome;
}
