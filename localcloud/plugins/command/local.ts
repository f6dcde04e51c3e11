/** `local.Command`: a command on this machine. */
import { spawn } from "node:child_process";
import { type Context, type Inputs, type InputsOf, resource } from "../define.ts";
import type { Properties } from "../values.ts";
import { collect } from "./process.ts";
import { checkLogging, freshId, listeners, outputsOf, previousOutput } from "./remote.ts";

const noAssets = "the stand-in collects no files";

const inputs = {
  create: { type: "string" },
  update: { type: "string" },
  delete: { type: "string" },
  stdin: { type: "string" },
  dir: { type: "string" },
  interpreter: { type: { list: "string" } },
  environment: { type: { map: "string" } },
  addPreviousOutputInEnv: { type: "boolean" },
  logging: { type: "string" },
  triggers: { type: { list: "any" }, replace: true },
  assetPaths: { type: { list: "string" }, refused: noAssets },
  archivePaths: { type: { list: "string" }, refused: noAssets },
} as const satisfies Inputs;

type Wanted = InputsOf<typeof inputs>;

async function run(context: Context<null>, wanted: Wanted, command: string, state: Properties): Promise<Properties> {
  const [program = "/bin/sh", ...args] = wanted.interpreter ?? ["/bin/sh", "-c"];
  const child = spawn(program, [...args, command], {
    ...(wanted.dir === undefined ? {} : { cwd: wanted.dir }),
    env: { ...process.env, ...previousOutput(state, wanted.addPreviousOutputInEnv), ...wanted.environment },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const feeding = {
    signal: context.signal,
    ...listeners(wanted.logging, context),
    ...(wanted.stdin === undefined ? {} : { stdin: wanted.stdin }),
  };
  return outputsOf(command, await collect(child, feeding, (code) => `exit status ${code}`));
}

export const Command = resource<null>()({
  inputs,
  outputs: { stdout: { changes: true }, stderr: { changes: true } },
  missing: "outputs `assets` and `archive`; `dir` is relative to the plugins' process, so give it absolute",
  check: checkLogging,
  async create(context: Context<null>, wanted) {
    const id = freshId(context.name);
    if (wanted.create === undefined) return { id, state: { stdout: "", stderr: "" } };
    return { id, state: await run(context, wanted, wanted.create, {}) };
  },
  async read(_, id, state) {
    return { id, state };
  },
  async update(context, { state, new: wanted }) {
    const command = wanted.update ?? wanted.create;
    return command === undefined ? {} : run(context, wanted, command, state);
  },
  async delete(context, _, state) {
    const wanted: Wanted = JSON.parse(JSON.stringify(state));
    if (wanted.delete !== undefined) await run(context, wanted, wanted.delete, state);
  },
});
