import { resolve } from "node:path";
import { Option } from "commander";
import { exitOnSignals, trapSignals } from "./abort.ts";
import { addDataVerbs } from "./data-verbs.ts";
import { EXIT, explain, OperatorError } from "./errors.ts";
import { createReport } from "./report.ts";
import { type CommonOptions, operate, program, verb, wholeNumber } from "./verb.ts";

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

addDataVerbs();

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
