import { Option } from "commander";
import { EXIT } from "./errors.ts";
import { type CommonOptions, operate, program, verb } from "./verb.ts";

/** Adds the verbs of a move by replication. */
export function addDataVerbs(): void {
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
    "clean-blue",
    "Take away from blue's database what a move has put there; for a move that is given up, or a green that is gone.",
    "npx bascule data clean-blue --stack prod",
    data,
  ).action((options: CommonOptions) =>
    operate(options, async (session, report) => (await import("./clean-blue.ts")).cleanBlue(session, report)),
  );

  verb(
    "abandon-green",
    "Open blue's database with what it has, when green is gone for good with the writes; what it had not sent is lost.",
    "npx bascule data abandon-green --stack prod",
    data,
  )
    .option("--confirm <domain>", "the domain, typed, where there is no terminal to ask")
    .action((options: CommonOptions & { confirm?: string }) =>
      operate(options, async (session, report) =>
        (await import("./abandon.ts")).abandonGreen(session, options.confirm, report),
      ),
    );
}
