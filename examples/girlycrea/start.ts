import { parseArgs } from "node:util";
import { Listr } from "listr2";
import { clear } from "./run/clearing.ts";
import { createCommands } from "./run/commands.ts";
import { Journey, type RunOptions } from "./run/journey.ts";
import { placeOf, ROOT } from "./run/place.ts";
import { asTable, type RunReport } from "./run/report.ts";

const HELP = `The whole move on this machine: an old production with users on it, a new one built beside it, data copied, traffic
swung over, back, and over again. Ends with a table and reports/latest.json; exit code 0 only for a pass.

  --steering load-balancer|record   how traffic is moved                 [load-balancer]
  --rate N                          requests a second from the users     [20]
  --plugins auto|official|stand-in  provider plugins of the engine       [auto]
  --name NAME                       instance of the local cloud          [local]
  --project DIR                     folder of Pulumi.yaml                [this project]

Example:
  $ npm start -- --steering record
`;

const { values } = parseArgs({
  options: {
    steering: { type: "string", default: "load-balancer" },
    rate: { type: "string", default: "20" },
    plugins: { type: "string", default: "auto" },
    name: { type: "string", default: "local" },
    project: { type: "string", default: ROOT },
    help: { type: "boolean", default: false },
  },
});

/** @throws Error naming the option, what it got and what it takes */
function readOptions(): RunOptions {
  const rate = Number(values.rate);
  if (!["load-balancer", "record"].includes(values.steering))
    throw new Error(`--steering '${values.steering}': allowed are load-balancer and record`);
  if (!["auto", "official", "stand-in"].includes(values.plugins))
    throw new Error(`--plugins '${values.plugins}': allowed are auto, official and stand-in`);
  if (!Number.isInteger(rate) || rate < 1 || rate > 200)
    throw new Error(`--rate '${values.rate}': allowed is a whole number from 1 to 200`);
  return { steering: values.steering, rate, plugins: values.plugins };
}

async function main(): Promise<void> {
  const options = readOptions();
  const place = placeOf(values.name, values.project);
  const commands = createCommands();
  const stopping = new AbortController();
  const stop = async (signal: NodeJS.Signals) => {
    if (stopping.signal.aborted) return;
    stopping.abort();
    const say = (line: string) => process.stderr.write(`${line}\n`);
    say(`\n${signal}: stopping, and removing what was made ...`);
    try {
      await commands.interrupt();
      await clear(place, commands, () => {});
      say("everything is gone; 'npm start' begins afresh");
    } catch (error) {
      say(`${error instanceof Error ? error.message : String(error)}\n'npm run stop' removes the rest`);
    }
    process.exit(130);
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  const journey = new Journey(place, options, commands, stopping.signal);
  try {
    await new Listr(journey.tasks(), {
      concurrent: false,
      // Its own handlers would end the process before everything is removed.
      registerSignalListeners: false,
      renderer: process.stdout.isTTY ? "default" : "simple",
      rendererOptions: { collapseSubtasks: false },
    }).run();
  } catch (error) {
    // The interruption ends the process itself once everything is removed; the failure it causes here is no news.
    if (stopping.signal.aborted) return;
    throw error;
  }
  finish(journey.report());
}

function finish({ report, path }: { report: RunReport; path: string }): void {
  process.stdout.write(`${asTable(report)}\n${path}\n`);
  process.stdout.write("The servers keep running: 'npm run stop' removes everything.\n");
  process.exitCode = report.result === "pass" ? 0 : 1;
}

if (values.help) {
  process.stdout.write(HELP);
} else {
  try {
    await main();
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.stderr.write(
      "What was made so far is still there to look at; 'npm run stop' removes it, 'npm start' begins afresh.\n",
    );
    process.exitCode = 1;
  }
}
