import { flip } from "../../../migration/postgres/flip.ts";
import { watchFlips } from "../../../migration/postgres/watchdog.ts";
import type { Side } from "../../../migration/side.ts";
import { moveAt, type Place } from "./pair.ts";

/** What a process of the tests is told to do. */
export type Task =
  | {
      verb: "flip";
      place: Place;
      to: Side;
      dieAt?: { line: string; afterMs: number };
      freezeAt?: string;
      budgetMs?: number;
      /** Each look at the clock shows so many milliseconds more than the one before. */
      clockLeapMs?: number;
    }
  | { verb: "watch"; place: Place };

/*
 * The operator as a process of its own, so that it can die: `node operator.ts '<task as JSON>'`. The last line it prints is the
 * report of a flip.
 */
const task = JSON.parse(process.argv[2] ?? "") as Task;
const who = `operator ${process.pid}`;
const move = moveAt(task.place);
if (task.verb === "watch") {
  const stopping = new AbortController();
  process.once("SIGTERM", () => stopping.abort());
  await watchFlips(move, {
    signal: stopping.signal,
    who,
    onRecovery: (recovery) => console.log(JSON.stringify(recovery)),
    onError: (error) => console.error(error.message),
  });
} else {
  const { dieAt, freezeAt, clockLeapMs } = task;
  let now = Date.now();
  if (clockLeapMs !== undefined) Date.now = () => (now += clockLeapMs);
  try {
    const report = await flip(move, {
      to: task.to,
      who,
      budgetMs: task.budgetMs,
      onLine: ({ line, phase }) => {
        if (phase === "begin" && line === freezeAt) process.kill(process.pid, "SIGSTOP");
        if (phase === "end" || line !== dieAt?.line) return;
        if (dieAt.afterMs === 0) process.kill(process.pid, "SIGKILL");
        setTimeout(() => process.kill(process.pid, "SIGKILL"), dieAt.afterMs);
      },
    });
    console.log(JSON.stringify(report));
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  }
}
