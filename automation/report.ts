/** Progress for people on stderr, one result on stdout: scripts read the result, people read both. */
export interface Report {
  /** One line, with the seconds since the command began in front. */
  line(text: string): void;
  /** Runs a step and prints its name with the time it took, also when it fails. */
  step<T>(name: string, run: () => Promise<T>): Promise<T>;
  seconds(): number;
}

export function createReport(quiet: boolean): Report {
  // From when the process started: loading the program is part of what whoever typed the command waits for.
  const seconds = () => Math.round(performance.now() / 100) / 10;
  const line = (text: string) => {
    if (!quiet) process.stderr.write(`[${seconds().toFixed(1).padStart(6)} s] ${text}\n`);
  };
  return {
    line,
    seconds,
    async step(name, run) {
      const from = performance.now();
      line(`${name} ...`);
      const took = () => `${((performance.now() - from) / 1000).toFixed(1)} s`;
      try {
        const result = await run();
        line(`${name}: done in ${took()}`);
        return result;
      } catch (error) {
        line(`${name}: FAILED after ${took()}`);
        throw error;
      }
    },
  };
}
