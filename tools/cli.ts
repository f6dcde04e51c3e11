import { Command } from "commander";
import { ensureClients } from "./clients.ts";
import { ensureContainers, stopContainers } from "./containers.ts";
import { ensureEngine } from "./engine.ts";
import { ensureImages, IMAGE_NAMES, type ImageName } from "./images.ts";
import { type Report, reason, ToolError } from "./report.ts";

const EXAMPLES = `
Examples:
  npx node tools/cli.ts engine                 path of a Pulumi engine that fits
  npx node tools/cli.ts images debian-13       build one image if it is missing
  npx node tools/cli.ts containers --json      {"socket":"unix:///var/run/docker.sock","started":false}

Exit codes: 0 ready, 1 not to be had (the message says what to run), 130 interrupted.`;

const interruption = new AbortController();
const options = { signal: interruption.signal };

/** Progress goes to stderr, so that stdout holds the result alone. */
function reporter(): Report {
  const begin = performance.now();
  return (line) => process.stderr.write(`${((performance.now() - begin) / 1000).toFixed(1).padStart(6)} s  ${line}\n`);
}

function print(command: Command, result: unknown, lines: string[]): void {
  const json: unknown = command.optsWithGlobals().json;
  process.stdout.write(`${json ? JSON.stringify(result) : lines.join("\n")}\n`);
}

async function engine(_options: unknown, command: Command): Promise<void> {
  const found = await ensureEngine(reporter(), options);
  print(command, found, [`${found.path} (${found.version}, ${found.source})`]);
}

async function containers({ stop }: { stop?: boolean }, command: Command): Promise<void> {
  if (stop) {
    const stopped = await stopContainers(reporter());
    print(command, { stopped }, [stopped ? "stopped" : "nothing of ours to stop"]);
    return;
  }
  const found = await ensureContainers(reporter());
  print(command, found, [`${found.socket} (${found.started ? "started now" : "was there"})`]);
}

async function images(names: string[], _options: unknown, command: Command): Promise<void> {
  const wanted = names.length > 0 ? names.map(imageName) : [...IMAGE_NAMES];
  const report = reporter();
  await ensureContainers(report);
  const ready = await ensureImages(wanted, report, options);
  print(
    command,
    ready,
    ready.map(({ tag, built }) => `${tag} (${built ? "built now" : "was there"})`),
  );
}

async function clients(_options: unknown, command: Command): Promise<void> {
  await ensureClients(reporter());
  print(command, { ready: true }, ["ssh, ssh-keygen, openssl and git are there"]);
}

function imageName(text: string): ImageName {
  const name = IMAGE_NAMES.find((known) => known === text);
  if (!name) {
    throw new ToolError(`unknown image ${text}. Known: ${IMAGE_NAMES.join(", ")}`);
  }
  return name;
}

const program = new Command("npx node tools/cli.ts")
  .description("What a bare machine lacks: the Pulumi engine, a Docker engine, server images, client programs.")
  .option("--json", "print the result as JSON")
  .addHelpText("after", EXAMPLES);
program.command("engine").description("find, download or build the Pulumi engine").action(engine);
program
  .command("containers")
  .description("find, or install and start, a Docker engine")
  .option("--stop", "stop the Docker engine that this command started before")
  .action(containers);
program
  .command("images")
  .description("build the server images that are missing")
  .argument("[names...]", `any of ${IMAGE_NAMES.join(", ")} (default: all)`)
  .action(images);
program.command("clients").description("find or install ssh, ssh-keygen, openssl and git").action(clients);
for (const command of program.commands) {
  command.option("--json", "print the result as JSON");
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => interruption.abort(new ToolError("interrupted; nothing half-made is left")));
}

try {
  await program.parseAsync();
} catch (error) {
  const text = error instanceof ToolError ? error.message : reason(error);
  process.stderr.write(`error: ${text}\n`);
  process.exitCode = interruption.signal.aborted ? 130 : 1;
}
