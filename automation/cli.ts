import { resolve } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { exitOnSignals, type Interruption, trapSignals } from "./abort.ts";
import { EXIT, type ExitCode, explain, OperatorError } from "./errors.ts";
import type { PluginMode } from "./plugins.ts";
import { createReport, type Report } from "./report.ts";
import type { Session } from "./session.ts";

interface CommonOptions {
  stack: string;
  cwd: string;
  plugins: PluginMode;
  json?: boolean;
}

// Each verb loads what it needs when it is asked for: the engine's SDK alone takes as long as bringing a release back may.
const program = new Command("bascule")
  .description("Move traffic and data between the old production (blue) and the new one (green), and back.")
  .showHelpAfterError("(add --help for the options and an example)");

function verb(name: string, summary: string, example: string, parent: Command = program): Command {
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
async function operate<T>(
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

function wholeNumber(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError(`'${text}' is not a whole number above 0.`);
  return Number(text);
}

verb(
  "env",
  "Print the environment in which plain pulumi works on a stack.",
  'eval "$(npx bascule env --stack local)" && pulumi preview',
)
  .option("--forget", "end the helpers of this stack and remove its state (local cloud only)", false)
  .action(async (options: CommonOptions & { forget: boolean }) => {
    const { asShell, forgetLocalStack, stackEnvironment } = await import("./env.ts");
    const place = { ...options, cwd: resolve(options.cwd) };
    if (options.forget) return forgetLocalStack(place);
    const variables = await stackEnvironment(place, createReport(false));
    process.stdout.write(`${options.json ? JSON.stringify(variables) : asShell(variables)}\n`);
  });

verb("copy", "Copy blue's database into green's and compare every table.", "npx bascule copy --stack prod --jobs 4")
  .option("--jobs <n>", "tables copied at once", wholeNumber, 2)
  .option("--discard-green-writes", "overwrite rows that only green has", false)
  .action((options: CommonOptions & { jobs: number; discardGreenWrites: boolean }) =>
    operate(options, async (session, report) => (await import("./copy.ts")).copy(session, options, report)),
  );

verb(
  "cutover",
  "Move traffic to green, step by step, as stack updates.",
  "npx bascule cutover --stack prod --steps 5,50,100",
)
  .addOption(
    new Option("--steering <which>", "refuse unless the stack is deployed with it").choices([
      "load-balancer",
      "record",
    ]),
  )
  .option("--steps <weights>", "weights on the way, e.g. 10,50,100", (text) => text.split(",").map(Number))
  .option("-y, --yes", "do not ask", false)
  .action((options: CommonOptions & { steering?: "load-balancer" | "record"; steps?: number[]; yes: boolean }) =>
    operate(options, async (session, report, interruption) => {
      const { cutover } = await import("./cutover.ts");
      return cutover(session, { ...options, interruption: interruption() }, report);
    }),
  );

verb(
  "rollback",
  "Redeploy the traffic configuration from before the last cutover; where data moves by replication, the writes go back first.",
  "npx bascule rollback --stack prod",
)
  .option("--traffic-only", "move traffic even where the writes cannot follow; blue then reads only", false)
  .action((options: CommonOptions & { trafficOnly: boolean }) =>
    operate(options, async (session, report, interruption) => {
      const { rollback } = await import("./rollback.ts");
      return rollback(session, { ...options, interruption: interruption() }, report);
    }),
  );

verb(
  "inspect",
  "Look at both databases before anything is touched; exit code 30 when something is in the way.",
  "npx bascule inspect --stack prod",
).action(async (options: CommonOptions) => {
  const { renderInspection } = await import("../migration/postgres/inspect/render.ts");
  return operate(options, async (session, report) => (await import("./data.ts")).inspect(session, report), {
    show: (inspection) => renderInspection(inspection).trimEnd(),
    code: ({ ready }) => (ready ? EXIT.done : EXIT.refused),
  });
});

verb(
  "sync",
  "Bring blue's database to green and keep it current; users write all the time.",
  "npx bascule sync --stack prod",
)
  .option("--discard-green-writes", "let go of rows that only green has", false)
  .action((options: CommonOptions & { discardGreenWrites: boolean }) =>
    operate(options, async (session, report) => (await import("./data.ts")).sync(session, options, report)),
  );

verb(
  "verify",
  "Compare both databases row by row, inside the databases; exit code 1 when they differ.",
  "npx bascule verify --stack prod",
).action((options: CommonOptions) =>
  operate(options, async (session, report) => (await import("./data.ts")).verifyData(session, report), {
    code: ({ equal }) => (equal ? EXIT.done : EXIT.failed),
  }),
);

const data = program.command("data").description("The database's own move, where it moves by replication.");

verb(
  "status",
  "Show where the writes are and how far the other side is.",
  "npx bascule data status --stack prod",
  data,
).action((options: CommonOptions) =>
  operate(options, async (session, report) => (await import("./data.ts")).dataStatus(session, report)),
);

verb(
  "move",
  "Move the writes alone, without traffic: for what was left in the middle.",
  "npx bascule data move --to blue --stack prod",
  data,
)
  .addOption(new Option("--to <side>", "where the writes shall go").choices(["blue", "green"]).makeOptionMandatory())
  .action((options: CommonOptions & { to: string }) =>
    operate(options, async (session, report) => (await import("./data.ts")).moveData(session, options.to, report)),
  );

verb(
  "recover",
  "Finish or undo a flip whose operator died, as the watchdog on green does by itself.",
  "npx bascule data recover --stack prod",
  data,
).action((options: CommonOptions) =>
  operate(options, async (session, report) => (await import("./data.ts")).recoverData(session, report)),
);

verb(
  "commit",
  "Give the way back up, for good: nothing is carried any more, and the schema may change again.",
  "npx bascule data commit --stack prod",
  data,
)
  .option("--confirm <domain>", "the domain, typed, where there is no terminal to ask")
  .action((options: CommonOptions & { confirm?: string }) =>
    operate(options, async (session, report) =>
      (await import("./data.ts")).commitData(session, options.confirm, report),
    ),
  );

verb(
  "adopt",
  "Prepare steering 'record': lower the TTL and take over the A record that exists.",
  "npx bascule adopt --stack prod",
).action((options: CommonOptions) =>
  operate(options, async (session, report) => (await import("./adopt.ts")).adopt(session, report)),
);

verb("status", "Show where traffic is and whether both sides could take it.", "npx bascule status --stack prod").action(
  (options: CommonOptions) => operate(options, async (session) => (await import("./status.ts")).status(session)),
);

verb(
  "drift",
  "Compare green's server with what was applied there; exit code 10 when something differs.",
  "npx bascule drift --stack prod --service nginx",
)
  .option("--service <name>", "only this service")
  .action(async (options: CommonOptions & { service?: string }) => {
    const { drift, driftTable } = await import("./drift.ts");
    return operate(options, (session, report) => drift(session, options.service, report), {
      show: driftTable,
      code: ({ clean }) => (clean ? EXIT.done : EXIT.drift),
    });
  });

const release = program
  .command("release")
  .description("The application's releases: what green keeps, going back to one, what migrations they have.");

verb("list", "List the releases green keeps.", "npx bascule release list --stack prod", release).action(
  (options: CommonOptions) => operate(options, async (session) => (await import("./release.ts")).listReleases(session)),
);

verb(
  "rollback",
  "Bring back the release before, or another that green keeps, without touching the database.",
  "npx bascule release rollback --stack prod",
  release,
)
  .option("--to <hash>", "a release of the list, at least its first 8 digits")
  .action(async (options: CommonOptions & { to?: string }) => {
    const { recordRelease, rollbackRelease } = await import("./release.ts");
    const report = createReport(false);
    const place = { ...options, cwd: resolve(options.cwd) };
    const letGo = exitOnSignals(report.line);
    const record = async () => {
      letGo();
      const { openSession } = await import("./session.ts");
      const session = await openSession(place, report);
      try {
        await recordRelease(session, trapSignals(report.line), report);
      } finally {
        session.close();
      }
    };
    const result = await rollbackRelease(place, options.to, record, report);
    process.stdout.write(`${JSON.stringify(result, null, options.json ? undefined : 2)}\n`);
    process.exitCode = result.recorded ? EXIT.done : EXIT.failed;
  });

verb(
  "migrations",
  "List what is applied, what is pending, and what another release applied; changes nothing.",
  "npx bascule release migrations --stack prod",
  release,
).action((options: CommonOptions) =>
  operate(options, async (session, report) => (await import("./release.ts")).listMigrations(session, report)),
);

function fail(error: unknown): void {
  const explained = explain(error, "");
  if (explained instanceof OperatorError) {
    process.stderr.write(`error: ${explained.message}\n  next: ${explained.remedy}\n`);
    process.exitCode = explained.exitCode;
    return;
  }
  process.stderr.write(`error: ${explained instanceof Error ? explained.message : String(explained)}\n`);
  process.exitCode = EXIT.failed;
}

try {
  await program.parseAsync();
} catch (error) {
  fail(error);
}
