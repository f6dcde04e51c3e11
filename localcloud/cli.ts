import { Command, InvalidArgumentError } from "commander";
import { UserError } from "./daemon/errors.ts";
import { reset, start, status, stop } from "./daemon/lifecycle.ts";
import type { InstanceStatus } from "./daemon/status.ts";

interface Options {
  name: string;
  json?: boolean;
  port?: number;
}

const program = new Command("localcloud")
  .description("Hetzner's and Cloudflare's APIs on this machine, with real servers behind them")
  .showHelpAfterError()
  .addHelpText("after", "\nExample:\n  localcloud start && localcloud status --json");

/** A verb with the options all of them share. Progress goes to stderr with --json, so that stdout is JSON alone. */
function verb(name: string, description: string, example: string): Command {
  return program
    .command(name)
    .description(description)
    .option("--name <name>", "name of the instance", "local")
    .option("--json", "print one JSON object")
    .addHelpText("after", `\nExample:\n  ${example}`);
}

verb("start", "start an instance and wait until everything answers", "localcloud start --name demo --json")
  .option("--port <port>", "listen here instead of on the instance's own port", portNumber)
  .action(async (options: Options) => {
    print(await start(options.name, options.port, reporter(options)), options);
  });
verb("stop", "stop an instance; its servers and its state are kept", "localcloud stop --name demo").action(
  async (options: Options) => {
    await stop(options.name, reporter(options));
    printDone(options, { stopped: true });
  },
);
verb("status", "say what an instance offers and what runs in it", "localcloud status --json").action(
  async (options: Options) => {
    print(await status(options.name), options);
  },
);
verb("reset", "remove an instance and everything it ever made", "localcloud reset --name demo").action(
  async (options: Options) => {
    await reset(options.name, reporter(options));
    printDone(options, { reset: true });
  },
);
program
  .command("plugins")
  .description("serve stand-ins for the provider plugins until told to end")
  .option("--idle-seconds <seconds>", "end after this long without a call", positive)
  .option("--json", "print the addresses as one JSON line")
  .addHelpText("after", "\nExample:\n  localcloud plugins --idle-seconds 600 --json")
  .action(async (options: { idleSeconds?: number; json?: boolean }) => {
    const { runPlugins } = await import("./plugins/main.ts");
    await runPlugins(options);
  });

function portNumber(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1024 || port > 65535) {
    throw new InvalidArgumentError("a port is a number from 1024 to 65535.");
  }
  return port;
}

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) {
    throw new InvalidArgumentError("a number of seconds is greater than 0.");
  }
  return value;
}

function reporter(options: Options): (line: string) => void {
  return options.json === true ? (line) => console.error(line) : (line) => console.log(line);
}

function print(state: InstanceStatus, options: Options): void {
  if (options.json === true) {
    console.log(JSON.stringify(state, null, 2));
    return;
  }
  const running = state.running ? `running (process ${state.pid}, ${state.memoryMiB} MiB)` : "not running";
  const servers = state.servers.map(
    (each) => `  server      ${each.name} ${each.ipv4 ?? "no public address"} ${each.status}`,
  );
  const lines = [
    `local cloud '${state.name}' is ${running}`,
    `  hetzner     ${state.hetzner.endpoint}`,
    `  cloudflare  ${state.cloudflare.baseUrl}`,
    `  dns         ${state.dns}`,
    `  edge        ${state.edge}`,
    ...servers,
    `  state       ${state.directory} (tokens: localcloud status --name ${state.name} --json)`,
  ];
  console.log(lines.join("\n"));
}

function printDone(options: Options, result: object): void {
  if (options.json === true) {
    console.log(JSON.stringify({ name: options.name, ...result }));
  }
}

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof UserError)) {
    throw error;
  }
  console.error(`localcloud: ${error.message}`);
  if (error.next !== undefined) {
    console.error(`  next: ${error.next}`);
  }
  process.exitCode = 1;
}
