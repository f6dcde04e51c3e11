import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { onInterrupt } from "./interrupt.ts";
import type { Task } from "./operator.ts";

const OPERATOR = fileURLToPath(new URL("./operator.ts", import.meta.url));

/** A process of the tests and what it said. */
export interface Operator {
  child: ChildProcess;
  /** Lines of its output and of its errors, so far. */
  said: string[];
  ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

export function startOperator(task: Task): Operator {
  const child = spawn(process.execPath, [OPERATOR, JSON.stringify(task)], { stdio: ["ignore", "pipe", "pipe"] });
  const said: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => said.push(...text.split("\n").filter(Boolean)));
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) =>
    child.once("close", (code, signal) => resolve({ code, signal })),
  );
  void ended.then(onInterrupt(() => child.kill("SIGKILL")));
  return { child, said, ended };
}
