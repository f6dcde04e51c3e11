import { resolve } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { exitOnSignals, type Interruption, trapSignals } from "./abort.ts";
import { EXIT, type ExitCode } from "./errors.ts";
import type { PluginMode } from "./plugins.ts";
import { createReport, type Report } from "./report.ts";
import type { Session } from "./session.ts";

/** What every verb takes. */
export interface CommonOptions {
  stack: string;
  cwd: string;
  plugins: PluginMode;
  json?: boolean;
}

// Each verb loads what it needs when it is asked for: the engine's SDK alone takes as long as bringing a release back may.
export const program = new Command("bascule")
  .description("Move traffic and data between the old production (blue) and the new one (green), and back.")
  .showHelpAfterError("(add --help for the options and an example)");

/** A verb with what every verb takes, and an example in its help. */
export function verb(name: string, summary: string, example: string, parent: Command = program): Command {
  return parent
    .command(name)
    .description(summary)
    .requiredOption("-s, --stack <name>", "the Pulumi stack to work on")
    .option("-C, --cwd <folder>", "folder of Pulumi.yaml", ".")
    .addOption(
      new Option("--plugins <which>", "provider plugins of the engine")
        .choices(["auto", "official", "stand-in"])
        .default("auto"),
    )
    .option("--json", "print the result as one JSON object on stdout")
    .addHelpText("after", `\nExample:\n  $ ${example}`);
}

/** How a verb ends when it did its work. */
interface Outcome<T> {
  /** For people; `--json` prints the result itself. @default indented JSON */
  show?: (result: T) => string;
  /** @default done */
  code?: (result: T) => ExitCode;
}

/**
 * Opens the stack, runs one operation, prints its result, and closes what was opened, however it ends. A signal ends it at once,
 * unless it asks to be told of signals by calling `interruption`.
 */
export async function operate<T>(
  options: CommonOptions,
  run: (session: Session, report: Report, interruption: () => Interruption) => Promise<T>,
  { show = (result) => JSON.stringify(result, null, 2), code = () => EXIT.done }: Outcome<T> = {},
): Promise<void> {
  const report = createReport(false);
  const letGo = exitOnSignals(report.line);
  const interruption = () => {
    letGo();
    return trapSignals(report.line);
  };
  const { openSession } = await import("./session.ts");
  const session = await openSession({ ...options, cwd: resolve(options.cwd) }, report);
  try {
    const result = await run(session, report, interruption);
    process.stdout.write(`${options.json ? JSON.stringify(result) : show(result)}\n`);
    process.exitCode = code(result);
  } finally {
    session.close();
  }
}

/** For options. */
export function wholeNumber(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError(`'${text}' is not a whole number above 0.`);
  return Number(text);
}
