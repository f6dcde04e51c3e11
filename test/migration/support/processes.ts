import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { onInterrupt } from "./interrupt.ts";
import type { MoverTask } from "./mover.ts";
import type { Task } from "./operator.ts";

/** A process of the tests and what it said. */
export interface Operator {
  child: ChildProcess;
  /** Lines of its output and of its errors, so far. */
  said: string[];
  ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

export function startOperator(task: Task): Operator {
  return start("operator.ts", task);
}

/** @param path where programs such as `pg_dump` are looked for first */
export function startMover(task: MoverTask, path: string): Operator {
  return start("mover.ts", task, { ...process.env, PATH: `${path}:${process.env.PATH}` });
}

function start(program: string, task: Task | MoverTask, env = process.env): Operator {
  const file = fileURLToPath(new URL(program, import.meta.url));
  const child = spawn(process.execPath, [file, JSON.stringify(task)], { env, stdio: ["ignore", "pipe", "pipe"] });
  const said: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => said.push(...text.split("\n").filter(Boolean)));
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) =>
    child.once("close", (code, signal) => resolve({ code, signal })),
  );
  void ended.then(onInterrupt(() => child.kill("SIGKILL")));
  return { child, said, ended };
}
