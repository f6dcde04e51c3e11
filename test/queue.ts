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

/** Files that one Mocha runs one after the other. */
export interface Job {
  name: string;
  files: string[];
}

/** Who takes jobs, one at a time; two that are at work at once must not be in each other's way. */
export interface Worker {
  env?: Record<string, string>;
}

export interface Ground {
  mocha: string;
  cwd: string;
  /** For the line that says that a job begins or how it ended. */
  say(line: string): void;
}

const closing = /^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/;

/**
 * Every worker takes the next job when it has finished one, so none is left over at the end with a long list of its own. A worker
 * that is alone shows its tests as they go; otherwise what a job prints follows whole when it is done, so that no line of one stands
 * between lines of another. The failures are left to the caller, for the end: nobody reads back through a thousand lines.
 */
export async function runQueue(jobs: Job[], workers: Worker[], ground: Ground): Promise<Outcome> {
  const waiting = jobs.filter(({ files }) => files.length > 0);
  const alone = workers.length === 1 || waiting.length === 1;
  const outcomes: Outcome[] = [];
  const work = async ({ env = {} }: Worker) => {
    for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) {
      const began = performance.now();
      const held: string[] = [];
      ground.say(`${job.name} ...`);
      const outcome = await runJob(job, env, ground, (line) => (alone ? console.log(line) : held.push(line)));
      for (const line of held) console.log(line);
      const seconds = ((performance.now() - began) / 1000).toFixed(0);
      // Not like Mocha's closing line, of which there is one for all.
      ground.say(`${job.name}: ${outcome.passed} passed and ${outcome.failed} failed in ${seconds} s`);
      outcomes.push(outcome);
    }
  };
  await Promise.all(workers.map(work));
  return sumOf(outcomes);
}

export function sumOf(outcomes: Outcome[]): Outcome {
  return {
    passed: outcomes.reduce((sum, { passed }) => sum + passed, 0),
    failed: outcomes.reduce((sum, { failed }) => sum + failed, 0),
    skipped: outcomes.reduce((sum, { skipped }) => sum + skipped, 0),
    code: Math.max(0, ...outcomes.map(({ code }) => code)),
    failures: outcomes.flatMap(({ failures }) => failures),
  };
}

async function runJob(
  { name, files }: Job,
  env: Record<string, string>,
  { mocha, cwd }: Ground,
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
  outcome.failures.push(`failed: Mocha ended with ${outcome.code} before its end, in ${name}`);
  return outcome;
}
