import { EXIT, OperatorError } from "./errors.ts";

/**
 * How an operation learns that it should stop. The engine must hear of it exactly once: a second signal kills it with its
 * lock held and its state half written.
 */
export interface Interruption {
  /** For the engine and for everything that waits. */
  signal: AbortSignal;
  /** Wraps a run of the engine: while it lasts, a Ctrl-C of the terminal has reached the engine already. */
  duringEngine<T>(run: () => Promise<T>): Promise<T>;
}

export function trapSignals(say: (line: string) => void): Interruption {
  const controller = new AbortController();
  const reason = new OperatorError(
    "stopped by the operator",
    "run the same command again; it goes on from what is deployed",
    EXIT.interrupted,
  );
  let engineRuns = false;
  let asked = false;
  const stop = (name: NodeJS.Signals) => {
    say(
      asked
        ? `${name}: already stopping; waiting for the engine to let go of the stack`
        : `${name}: stopping after the calls under way`,
    );
    const terminalToldEngine = name === "SIGINT" && engineRuns && process.stdin.isTTY;
    if (!asked && !terminalToldEngine) controller.abort(reason);
    asked = true;
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  return {
    signal: controller.signal,
    async duringEngine(run) {
      controller.signal.throwIfAborted();
      engineRuns = true;
      try {
        return await run();
      } catch (error) {
        throw asked ? reason : error;
      } finally {
        engineRuns = false;
        if (asked && !controller.signal.aborted) controller.abort(reason);
      }
    },
  };
}

/**
 * For verbs with nothing to wind up: a signal ends them at once, and what they hold is let go on the way out.
 * @returns takes the traps away again
 */
export function exitOnSignals(say: (line: string) => void): () => void {
  const stop = (name: NodeJS.Signals) => {
    say(`${name}: stopped; what already runs on a server goes on there`);
    process.exit(EXIT.interrupted);
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  return () => {
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
  };
}

/** For moves that must not be stopped half-way: the way back of a failed step. */
export const uninterruptible: Interruption = {
  signal: new AbortController().signal,
  duringEngine: (run) => run(),
};
