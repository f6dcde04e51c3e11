/** A child process to its end: input fed, output kept and passed on line by line, stopped when the engine cancels. */
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { createInterface } from "node:readline";

/** How long a cancelled command may take to end by itself. */
const GRACE_MS = 1000;

export interface Finished {
  /** In words, undefined when all went well. */
  failure?: string;
  stdout: string;
  stderr: string;
  /** Both, in the order they came. */
  output: string;
}

export interface Feeding {
  stdin?: string;
  signal: AbortSignal;
  onStdout?(line: string): void;
  onStderr?(line: string): void;
}

/** Follows a child to its end. */
export function collect(
  child: ChildProcessWithoutNullStreams,
  feeding: Feeding,
  words: (code: number) => string,
): Promise<Finished> {
  const finished: Finished = { stdout: "", stderr: "", output: "" };
  const follow = (name: "stdout" | "stderr", onLine: ((line: string) => void) | undefined) => {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      finished[name] += text;
      finished.output += text;
    });
    if (onLine) createInterface({ input: child[name] }).on("line", onLine);
  };
  follow("stdout", feeding.onStdout);
  follow("stderr", feeding.onStderr);
  // A command that ends without reading its input is no failure of ours.
  child.stdin.on("error", () => undefined);
  child.stdin.end(feeding.stdin ?? "");
  const stop = () => {
    child.kill("SIGTERM");
    // The ssh client waits for the remote command however politely it is asked.
    setTimeout(() => child.kill("SIGKILL"), GRACE_MS).unref();
  };
  if (feeding.signal.aborted) stop();
  feeding.signal.addEventListener("abort", stop, { once: true });
  return new Promise((resolve) => {
    const end = (failure: string | undefined) => {
      feeding.signal.removeEventListener("abort", stop);
      resolve(failure === undefined ? finished : { ...finished, failure });
    };
    child.on("error", (error) => end(error.message));
    // A shared connection keeps the output of a command open after its client is gone, so "close" may be long in coming.
    child.on("exit", () => {
      if (!feeding.signal.aborted) return;
      child.stdout.destroy();
      child.stderr.destroy();
      end("cancelled");
    });
    child.on("close", (code, signal) => {
      if (feeding.signal.aborted) end("cancelled");
      else if (code === 0) end(undefined);
      else end(code === null ? `ended by ${signal}` : words(code));
    });
  });
}
