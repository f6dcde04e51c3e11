import { loadavg } from "node:os";
import { Command, InvalidArgumentError, Option } from "commander";
import { entries } from "./entries.ts";
import type { FigureValue } from "./figures.ts";
import { circumstances, record } from "./record.ts";
import { benchImages, type Choice } from "./scene.ts";

const list = Object.entries(entries).map(([name, { about }]) => `  ${name.padEnd(9)} ${about}`);

/** Figures by name stand below each other. */
function shown(value: FigureValue, indent = "  "): string {
  if (typeof value !== "object") return String(value);
  return Object.entries(value)
    .map(([name, one]) => `\n${indent}${name} ${shown(one, `${indent}  `)}`)
    .join("");
}

interface Options extends Choice {
  json?: boolean;
  write?: boolean;
}

async function bench(name: string, options: Options, command: Command): Promise<void> {
  const entry = entries[name];
  if (!entry) return command.error(`there is no entry '${name}'; there are: ${Object.keys(entries).join(", ")}`);
  const [load = 0] = loadavg();
  const figures = await entry.run((line) => process.stderr.write(`${line}\n`), options);
  if (options.write) record(name, figures, circumstances(`npm run bench -- ${name}`, load));
  if (options.json) {
    const plain = Object.fromEntries(Object.entries(figures).map(([key, { value }]) => [key, value]));
    process.stdout.write(`${JSON.stringify(plain)}\n`);
    return;
  }
  for (const [key, { value, unit }] of Object.entries(figures))
    process.stdout.write(`${key}: ${shown(value)} ${unit}`.trimEnd().concat("\n"));
}

new Command("bench")
  .description("Measure one thing and print its figures with their units.")
  .argument("<name>", `one of: ${Object.keys(entries).join(", ")}`)
  .option("--json", "one JSON object, plain values")
  .option("--write", "put the figures into docs/numbers.md, with date, command and load")
  .addOption(
    new Option("--plugins <which>", "provider plugins of the engine")
      .choices(["auto", "official", "stand-in"])
      .default("auto"),
  )
  .addOption(new Option("--steering <which>", "for flip").choices(["load-balancer", "record"]).default("load-balancer"))
  .addOption(
    new Option("--seconds <number>", "for shop: how long each load is counted").default(20).argParser((text) => {
      const seconds = Number(text);
      if (!(seconds >= 5 && seconds <= 600))
        throw new InvalidArgumentError("Allowed: a number of seconds from 5 to 600.");
      return seconds;
    }),
  )
  .addOption(new Option("--image <which>", "for hardening").choices(benchImages).default("debian-13"))
  .addOption(
    new Option("--gigabytes <number>", "for copy and verify: how much data").default(2).argParser((text) => {
      const gigabytes = Number(text);
      if (!(gigabytes >= 0.05 && gigabytes <= 50))
        throw new InvalidArgumentError("Allowed: a number of gigabytes from 0.05 to 50.");
      return gigabytes;
    }),
  )
  .addHelpText("after", `\nEntries:\n${list.join("\n")}\n\nExample:\n  $ npm run bench -- up --json`)
  .action(bench)
  .parseAsync()
  .catch((error: unknown) => {
    process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  });
