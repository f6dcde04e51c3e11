import { Command, Option } from "commander";
import { entries } from "./entries.ts";

const list = Object.entries(entries).map(([name, { about }]) => `  ${name.padEnd(8)} ${about}`);

new Command("bench")
  .description("Measure one thing and print its figures with their units.")
  .argument("<name>", `one of: ${Object.keys(entries).join(", ")}`)
  .option("--json", "one JSON object, plain values")
  .addOption(
    new Option("--plugins <which>", "provider plugins of the engine")
      .choices(["auto", "official", "stand-in"])
      .default("auto"),
  )
  .addOption(new Option("--steering <which>", "for flip").choices(["load-balancer", "record"]).default("load-balancer"))
  .addHelpText("after", `\nEntries:\n${list.join("\n")}\n\nExample:\n  $ npm run bench -- up --json`)
  .action(async (name: string, options: { json?: boolean; steering: string; plugins: string }, command: Command) => {
    const entry = entries[name];
    if (!entry) return command.error(`there is no entry '${name}'; there are: ${Object.keys(entries).join(", ")}`);
    const figures = await entry.run((line) => process.stderr.write(`${line}\n`), options);
    if (options.json) {
      const plain = Object.fromEntries(Object.entries(figures).map(([key, { value }]) => [key, value]));
      process.stdout.write(`${JSON.stringify(plain)}\n`);
      return;
    }
    for (const [key, { value, unit }] of Object.entries(figures))
      process.stdout.write(`${key}: ${value} ${unit}`.trimEnd().concat("\n"));
  })
  .parseAsync()
  .catch((error: unknown) => {
    process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  });
