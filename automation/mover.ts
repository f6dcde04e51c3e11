import { EXIT, OperatorError, refusal } from "./errors.ts";
import { type Host, jobStatus } from "./host.ts";
import type { Report } from "./report.ts";
import type { Session } from "./session.ts";

/** One line of the mover's output. */
interface MoverEvent {
  event: string;
  what?: string;
  line?: string;
  ms?: number;
  share?: number;
  secondsLeft?: number;
  freezeMs?: number;
  to?: string;
  keys?: { to: string; freezeMs: number; promises: string[] };
  result?: unknown;
  kind?: string;
  message?: string;
}

/** A verb of the mover, as a job on green's server. */
export interface MoverCall {
  verb: "inspect" | "sync" | "verify" | "flip" | "status" | "recover" | "commit" | "clean-blue";
  args?: string[];
  /** Comes before the mover, in the same job. */
  before?: string;
  /** Returns at this event rather than at the end; the job goes on. */
  until?: string;
}

/** The program on green. */
export const MOVER = "/usr/local/lib/bascule/mover/run";

/** @throws OperatorError with exit 30 where the stack's data moves by a copy */
export function requireReplication(session: Session): void {
  if (session.settings.data.move === "replication") return;
  throw refusal(
    "the stack's data moves by a copy, so there is no mover on green",
    `pulumi config set --path bascule:data.move replication --stack ${session.stack.name}, then pulumi up; or bascule copy`,
  );
}

/**
 * Runs a verb of the mover on green and follows it. The job goes on when this process ends; the same call again follows the one
 * that runs.
 * @returns what it gave as its result, or the event that was waited for
 * @throws OperatorError with its own exit code: 30 refused, 20 taken back
 */
export async function runMover<T>(host: Host, call: MoverCall, report: Report): Promise<T> {
  const { verb, args = [], before = "", until = "result" } = call;
  const name = ["data", verb, ...args.filter((word) => /^[a-z]+$/.test(word))].join("-");
  const script = `set -euo pipefail\n${before}\nexec ${[MOVER, verb, ...args].join(" ")} --who "the operator's bascule"`;
  await startOrFollow(host, name, script, report);
  let last = "";
  let heard = 0;
  for (;;) {
    const { state, output, size, exitCode } = await jobStatus(host, name, 20, heard);
    heard = size;
    const events = parse(output);
    // Of a long log only the end is shown, so what was told is known by its last event, not by a number.
    const told = events.findLastIndex((event) => JSON.stringify(event) === last);
    for (const event of events.slice(told + 1)) tell(event, report);
    last = JSON.stringify(events.at(-1));
    const awaited = events.find(({ event }) => event === until);
    if (awaited !== undefined) return (until === "result" ? awaited.result : awaited) as T;
    if (state === "running") continue;
    throw failure(
      verb,
      events.findLast(({ event }) => event === "error"),
      exitCode,
      output,
    );
  }
}

async function startOrFollow(host: Host, name: string, script: string, report: Report): Promise<void> {
  try {
    await host.hostctl(["job", "start", "--name", name], { stdin: JSON.stringify({ script, user: "postgres" }) });
  } catch (error) {
    if (!(error instanceof OperatorError && /is running; see/.test(error.message))) throw error;
    report.line(`${name} is at work on green already; following it`);
  }
}

function parse(output: string): MoverEvent[] {
  return output.split("\n").flatMap((line) => {
    try {
      const value: unknown = JSON.parse(line);
      return isEvent(value) ? [value] : [];
    } catch {
      // Of a log that is longer than what is shown of it the first line is cut; the last one may be half written.
      return [];
    }
  });
}

function isEvent(value: unknown): value is MoverEvent {
  return typeof value === "object" && value !== null && "event" in value;
}

function tell(told: MoverEvent, report: Report): void {
  const { event, what = "", line, ms, share, secondsLeft, freezeMs, to, keys } = told;
  if (event === "line") report.line(`  ${line} ${what}: ${ms} ms`);
  if (event === "step") report.line(what);
  if (event === "progress") {
    const bar = share === undefined ? "" : `${String(Math.floor(share * 100)).padStart(3)} % `;
    const left = secondsLeft === undefined ? "" : `, about ${Math.ceil(secondsLeft)} s left`;
    report.line(`  ${bar}${what}${left}`);
  }
  if (event === "flipped") report.line(`the writes are at ${to}; they were held for ${Math.round(freezeMs ?? 0)} ms`);
  if (event === "flipped" && keys !== undefined) {
    report.line(`the keys are at ${keys.to}; they were held for ${Math.round(keys.freezeMs)} ms`);
    for (const promise of keys.promises) report.line(`  ${promise}`);
  }
}

function failure(
  verb: string,
  error: MoverEvent | undefined,
  exitCode: number | null | undefined,
  output: string,
): OperatorError {
  const message = error?.message ?? output.trimEnd().split("\n").slice(-5).join("\n");
  const again = "mend what it names and run the command again; it goes on where it was";
  if (error?.kind === "refused") return refusal(message, again);
  if (error?.kind === "reverted") return new OperatorError(message, again, EXIT.reverted);
  return new OperatorError(`${verb} failed on green (exit ${exitCode ?? "unknown"}): ${message}`, again);
}
