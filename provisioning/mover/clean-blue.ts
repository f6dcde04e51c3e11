import { clientReason, type Login, runRemote } from "../ssh/client.ts";

/*
 * The calls of the dynamic resource CleanBlue, which is nothing but its end: before green goes, blue's database lets go of it. The
 * engine keeps a few lines in the state that load this file from the program's checkout (components/clean-blue.ts).
 */

export interface CleanBlueInputs {
  /** How to reach green; secret as a whole. */
  login: Login;
  stack: string;
}

export async function create(inputs: CleanBlueInputs) {
  return { id: inputs.stack, outs: inputs };
}

export async function update(_id: string, _olds: CleanBlueInputs, news: CleanBlueInputs) {
  return { outs: news };
}

/** Where green is has changed, and nothing else can. */
export async function diff(_id: string, { login }: CleanBlueInputs, news: CleanBlueInputs) {
  const same = (["host", "port", "user", "privateKey", "hostKey"] as const).every(
    (key) => login[key] === news.login[key],
  );
  return { changes: !same };
}

const hostctl = "sudo /usr/local/sbin/hostctl";
const job = "data-clean-blue";
const order = JSON.stringify({
  script: `exec /usr/local/lib/bascule/mover/run clean-blue --who "the end of the stack"`,
  user: "postgres",
});

/**
 * Has green's mover take away what the move has put on blue.
 * @throws Error with the next command where green has the writes, does not answer, or could not: nothing of the stack is deleted then
 */
async function cleanBlue(_id: string, { login, stack }: CleanBlueInputs): Promise<void> {
  const command = `printf %s '${order}' | ${hostctl} job start --name ${job} && ${hostctl} job wait --name ${job} --seconds 120`;
  const { exitCode, stdout, stderr } = await runRemote(login, command, 180);
  const here = `bascule data clean-blue --stack ${stack}`;
  if (exitCode === 255)
    throw new Error(
      `blue's database may keep its log for this green until its disk is full, and green at ${login.host} does not answer (${clientReason(stderr)}). ` +
        `Next: ${here}, where blue's database can be reached; then pulumi state delete with this resource's URN, and again what you did`,
    );
  const said = outcome(stdout);
  if (said === "done") return;
  throw new Error(
    `blue's database was not cleaned: ${said ?? (stderr.trim() || stdout.trim())}. Next: what it names, then again what you did; bascule data status --stack ${stack} shows who takes the writes`,
  );
}

export { cleanBlue as delete };

/** The last line is the answer of `job wait`, and in it are the mover's lines. @returns why it failed; undefined where it said nothing of it */
function outcome(stdout: string): "done" | string | undefined {
  const answer = parse(stdout.trim().split("\n").at(-1) ?? "");
  if (answer.state === "done") return "done";
  const lines = String(answer.output ?? "").split("\n");
  const error = lines.map(parse).findLast(({ event }) => event === "error");
  return typeof error?.message === "string" ? error.message : undefined;
}

function parse(line: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(line));
  } catch {
    return {};
  }
}
