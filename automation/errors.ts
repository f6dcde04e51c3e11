import { CommandError, ConcurrentUpdateError, StackNotFoundError } from "@pulumi/pulumi/automation/errors.js";

/** Exit codes of every verb; documented in `docs/operations.md`. */
export const EXIT = {
  done: 0,
  failed: 1,
  /** `drift` found differences. */
  drift: 10,
  /** Traffic was moved, did not arrive, and was moved back. */
  reverted: 20,
  /** A check said no; nothing was changed. */
  refused: 30,
  /** Another operation holds the stack. */
  locked: 40,
  /** Stopped by the operator. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** An error for the person at the keyboard: what happened and the next command; no stack trace. */
export class OperatorError extends Error {
  readonly remedy: string;
  readonly exitCode: ExitCode;

  constructor(message: string, remedy: string, exitCode: ExitCode = EXIT.failed) {
    super(message);
    this.remedy = remedy;
    this.exitCode = exitCode;
  }
}

/** Nobody answers at green's address: not the same as a green that answers and cannot do what it is asked. */
export class Unreachable extends OperatorError {}

/** A check that says no before anything was changed. */
export function refusal(message: string, remedy: string): OperatorError {
  return new OperatorError(message, remedy, EXIT.refused);
}

/** Turns what the engine and the SDK throw into what an operator can act on; passes everything else through. */
export function explain(error: unknown, stack: string): unknown {
  if (error instanceof ConcurrentUpdateError) return lockedBy(error.message, stack);
  if (error instanceof StackNotFoundError) {
    return new OperatorError(
      `stack '${stack}' does not exist in this backend`,
      `list the stacks with 'pulumi stack ls', make it with 'pulumi stack init ${stack}'`,
    );
  }
  return error instanceof CommandError ? engineError(error.message) : error;
}

const LONGEST_LINE = 400;

/**
 * The engine's own words, without what must not be repeated: its complaint about a broken plan spells out property values,
 * secret ones among them, and everything else it printed was progress.
 */
export function engineError(message: string): OperatorError {
  const said = message
    .split("\n")
    .filter((line) => /error: |violates plan|locked/.test(line))
    .map((line) => line.trim().replace(/(violates plan: properties changed): .*/, "$1"))
    .map((line) => (line.length > LONGEST_LINE ? `${line.slice(0, LONGEST_LINE)} ...` : line));
  const drifted = said.some((line) => line.includes("violates plan"));
  return new OperatorError(
    `the engine stopped:\n  ${[...new Set(said)].join("\n  ") || "it gave no reason"}`,
    drifted
      ? "something changed between the preview and the update; run the command again"
      : "mend what it names and run the command again",
  );
}

/** The file backend names the holder as `created by root@host (pid 123) at 2026-11-21T08:00:00Z`. */
function lockedBy(message: string, stack: string): OperatorError {
  const holder = /created by (\S+) \(pid (\d+)\) at (\S+)/.exec(message);
  const who = holder ? `${holder[1]} (process ${holder[2]}) since ${holder[3]}` : "another operation";
  return new OperatorError(
    `stack '${stack}' is locked by ${who}; nothing was changed`,
    `wait for it to end; if that process is gone, 'pulumi cancel --stack ${stack}' releases the lock`,
    EXIT.locked,
  );
}
