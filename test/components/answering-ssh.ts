import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { EngineRun } from "../support/engine-run.ts";
import type { PluginsProcess } from "../support/engine-side.ts";

const root = join(import.meta.dirname, "../..");

/** A stack for a dynamic resource of ours, whose server is only a name: who answers for it is an `ssh` on PATH. */
export interface AnsweringStack {
  stack: EngineRun;
  /** What the server answers from now on. @param code of `ssh` itself; 255 is a server nobody reaches */
  answer(text: string, code?: number): void;
  /** The command lines of `ssh` since the last call of this. */
  calls(): string[];
}

export async function answeringStack(plugins: PluginsProcess, program: string): Promise<AnsweringStack> {
  await plugins.ready();
  const path = (folder: string) =>
    [folder, join(root, "node_modules/.bin"), process.env.PATH, join(root, "automation/dynamic")].join(delimiter);
  const stack = new EngineRun(plugins, "test", (directory) => ({ PATH: path(join(directory, "bin")) }));
  const file = (name: string) => join(stack.directory, name);
  mkdirSync(file("bin"));
  writeFileSync(
    file("bin/ssh"),
    `#!/bin/sh\nprintf '%s\\n' "$*" >> ${file("calls")}\ncat ${file("answer")}\nexit $(cat ${file("code")})\n`,
    { mode: 0o755 },
  );
  // As in a project whose folder links into the checkout.
  rmSync(file("program/package.json"));
  symlinkSync(join(root, "package.json"), file("program/package.json"));
  stack.program(program);
  return {
    stack,
    answer: (text, code = 0) => {
      writeFileSync(file("code"), String(code));
      writeFileSync(file("answer"), code === 255 ? "" : text);
    },
    calls: () => {
      const made = existsSync(file("calls")) ? readFileSync(file("calls"), "utf8").trim().split("\n") : [];
      rmSync(file("calls"), { force: true });
      return made;
    },
  };
}
