/** `remote.Command`: a command on a server, run again when anything about it changes. */
import { randomBytes } from "node:crypto";
import { type Context, type Inputs, type InputsOf, resource } from "../define.ts";
import type { Properties } from "../values.ts";
import type { Connection } from "./login.ts";
import type { Finished } from "./process.ts";
import { runRemote } from "./ssh.ts";

const hop = {
  host: { type: "string", required: true },
  port: { type: "number", default: 22 },
  user: { type: "string", default: "root" },
  password: { type: "string" },
  privateKey: { type: "string" },
  privateKeyPassword: { type: "string" },
  agentSocketPath: { type: "string" },
  hostKey: { type: "string" },
  dialErrorLimit: { type: "integer", default: 10 },
  perDialTimeout: { type: "integer", default: 15 },
} as const satisfies Inputs;

/** How every remote resource logs in. */
export const connectionInput = {
  type: { object: { ...hop, proxy: { type: { object: hop } } } },
  required: true,
  secret: true,
} as const;

const inputs = {
  connection: connectionInput,
  create: { type: "string" },
  update: { type: "string" },
  delete: { type: "string" },
  stdin: { type: "string" },
  environment: { type: { map: "string" } },
  addPreviousOutputInEnv: { type: "boolean" },
  logging: { type: "string" },
  triggers: { type: { list: "any" }, replace: true },
} as const satisfies Inputs;

type Wanted = InputsOf<typeof inputs>;

const LOGGING = ["stdout", "stderr", "stdoutAndStderr", "none"];

/** A wrong kind of logging, named. */
export function checkLogging({ logging }: Properties): { property: string; reason: string }[] {
  if (typeof logging !== "string" || LOGGING.includes(logging)) return [];
  return [{ property: "logging", reason: `'logging' is '${logging}'; allowed: ${LOGGING.join(", ")}` }];
}

/** Who hears the lines of a command. */
export function listeners(logging: string | undefined, context: Context<null>) {
  const say = (line: string) => context.progress(line);
  const both = logging === undefined || logging === "stdoutAndStderr";
  return {
    ...(both || logging === "stdout" ? { onStdout: say } : {}),
    ...(both || logging === "stderr" ? { onStderr: say } : {}),
  };
}

/** The outputs of a command, or its failure with text and output, as the official provider tells it. */
export function outputsOf(command: string, finished: Finished): Properties {
  if (finished.failure !== undefined) {
    throw new Error(`${finished.failure}: running ${JSON.stringify(command)}:\n${finished.output}`);
  }
  return { stdout: finished.stdout.replace(/\n$/, ""), stderr: finished.stderr.replace(/\n$/, "") };
}

/** What the last run said, for a command that wants to know. */
export function previousOutput(state: Properties, wanted: boolean | undefined): Record<string, string> {
  const { stdout, stderr } = state;
  if (wanted === false) return {};
  return {
    ...(typeof stdout === "string" && stdout !== "" ? { PULUMI_COMMAND_STDOUT: stdout } : {}),
    ...(typeof stderr === "string" && stderr !== "" ? { PULUMI_COMMAND_STDERR: stderr } : {}),
  };
}

/** A name nobody else has. */
export function freshId(name: string): string {
  return name + randomBytes(4).toString("hex");
}

const UNSET =
  "This only works if your SSH server is configured to accept these variables via AcceptEnv. Alternatively, if a " +
  "Bash-like shell runs the command on the remote host, you could prefix the command itself with the variables in the " +
  "form 'VAR=value command'";

async function run(context: Context<null>, wanted: Wanted, command: string, state: Properties): Promise<Properties> {
  const connection: Connection = wanted.connection;
  const asked = wanted.environment ?? {};
  const previous = previousOutput(state, wanted.addPreviousOutputInEnv);
  const base = { signal: context.signal, retrying: (message: string) => context.progress(message) };
  const missing = await refusedVariables(connection, { ...asked, ...previous }, base);
  for (const name of missing) {
    if (name in asked) {
      context.log("error", `Unable to set '${name}'. ${UNSET}`);
      throw new Error(`could not set environment variable "${name}": ssh: setenv failed`);
    }
    context.log("warning", `Unable to set '${name}'. ${UNSET}`);
  }
  const finished = await runRemote(connection, {
    ...base,
    ...listeners(wanted.logging, context),
    command,
    environment: { ...previous, ...asked },
    ...(wanted.stdin === undefined ? {} : { stdin: wanted.stdin }),
  });
  return outputsOf(command, finished);
}

/** The client is not told which variables the server refuses, so the server is asked what arrived. */
async function refusedVariables(
  connection: Connection,
  environment: Record<string, string>,
  base: { signal: AbortSignal; retrying(message: string): void },
): Promise<string[]> {
  const names = Object.keys(environment).filter((name) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name));
  if (names.length === 0) return [];
  const command = names.map((name) => `[ "\${${name}+set}" = set ] || echo ${name}`).join("; ");
  const { stdout } = await runRemote(connection, { ...base, command, environment });
  return stdout.split("\n").filter(Boolean);
}

export const Command = resource<null>()({
  inputs,
  outputs: { stdout: { changes: true }, stderr: { changes: true } },
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
    const wanted = remembered(state);
    if (wanted.delete !== undefined) await run(context, wanted, wanted.delete, state);
  },
});

/** The inputs as the state keeps them; they were checked when it was written. */
function remembered(state: Properties): Wanted {
  return JSON.parse(JSON.stringify(state));
}
