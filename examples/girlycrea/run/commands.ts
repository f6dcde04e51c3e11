import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** Runs the commands a person would type, each in a process group of its own so that a Ctrl-C reaches us first. */
export interface Commands {
  /** @returns stdout. @throws Error with the last lines of stderr when the exit code is not 0 */
  run(file: string, args: string[], options?: RunOptions): Promise<string>;
  /** Asks what runs to stop and waits for it. */
  interrupt(): Promise<void>;
}

/** The same commands for work that may be stopped: from then on nothing new is started, whatever step it is in. */
export function stoppable(commands: Commands, signal: AbortSignal): Commands {
  return {
    ...commands,
    async run(file, args, options) {
      signal.throwIfAborted();
      return commands.run(file, args, options);
    },
  };
}

export interface RunOptions {
  cwd?: string;
  env?: Record<string, string>;
  stdin?: string;
  /** Every line of progress as it comes: stderr, where our own commands report. */
  onLine?: (line: string) => void;
  /** Whether stdout is progress too, as it is for the engine, and not a result that may hold secrets. */
  progressOnStdout?: boolean;
}

/** What it started itself would go on without it. */
function killGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

const KEPT_LINES = 40;

/** What a shell that has evaluated `bascule env` holds would lead the run to another stack's state, key and plugins. */
const OF_ANOTHER_STACK = /^PULUMI_(BACKEND_URL|CONFIG_PASSPHRASE|STACK|DEBUG_|DISABLE_AUTOMATIC_)/;

function ownEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !OF_ANOTHER_STACK.test(name)));
}

export function createCommands(): Commands {
  const running = new Set<ChildProcess>();
  return {
    async run(file, args, options = {}) {
      const child = spawn(file, args, {
        cwd: options.cwd,
        env: { ...ownEnvironment(), ...options.env },
        stdio: ["pipe", "pipe", "pipe"],
        detached: true,
      });
      running.add(child);
      const out: string[] = [];
      const tail: string[] = [];
      const follow = (stream: NodeJS.ReadableStream, keep: (line: string) => void) =>
        createInterface({ input: stream }).on("line", (line) => {
          keep(line);
          tail.push(line);
          if (tail.length > KEPT_LINES) tail.shift();
        });
      const progress = (line: string) => line.trim() !== "" && options.onLine?.(line.trim());
      follow(child.stdout, (line) => {
        out.push(line);
        if (options.progressOnStdout) progress(line);
      });
      follow(child.stderr, progress);
      child.stdin.on("error", () => {});
      child.stdin.end(options.stdin ?? "");
      const code = await new Promise<number | null>((resolve, reject) =>
        child.once("error", reject).once("close", resolve),
      ).finally(() => running.delete(child));
      if (code === 0) return out.join("\n");
      throw new Error(
        `'${[file.split("/").at(-1), ...args].join(" ")}' ended with exit code ${code}:\n${tail.join("\n")}`,
      );
    },
    async interrupt() {
      const asked = [...running];
      const gone = asked.map((child) => new Promise((resolve) => child.once("close", resolve)));
      for (const child of asked) child.kill("SIGINT");
      await Promise.race([Promise.all(gone), new Promise((resolve) => setTimeout(resolve, 30_000).unref())]);
      for (const child of asked) if (running.has(child)) killGroup(child);
    },
  };
}
