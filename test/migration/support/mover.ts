import { configurationOf } from "../../../migration/mover/configuration.ts";
import { commit, moveWrites } from "../../../migration/mover/flips.ts";
import { keep } from "../../../migration/mover/keeper.ts";
import { say, sayError } from "../../../migration/mover/output.ts";
import { dataStatus } from "../../../migration/mover/status.ts";
import { synchronise } from "../../../migration/mover/synchronise.ts";
import { pointWriter } from "../../../migration/mover/writer-link.ts";
import type { Access } from "../../../migration/postgres/database.ts";
import { PgBouncer } from "../../../migration/postgres/pooler.ts";
import type { Side } from "../../../migration/side.ts";
import { writePooler } from "./pooler.ts";

/** What a process of the tests does as the mover on green's server would. */
export interface MoverTask {
  verb: "keep" | "sync" | "flip" | "status" | "commit";
  to?: Side;
  folder: string;
  access: Record<Side, Access>;
  pooler: { port: number; file: string };
}

const who = `the mover of a test, process ${process.pid}`;

/*
 * The service and the verbs as processes of their own: `node mover.ts '<task as JSON>'`. Its output is what the mover says.
 */
const { verb, to, folder, access, pooler } = JSON.parse(process.argv[2] ?? "") as MoverTask;
const configuration = configurationOf(
  {
    ...{ folder, role: "appuser", freezeBudgetSeconds: 15, endLongTransactions: false },
    ...{ wayBack: "asynchronous", wayBackPatienceSeconds: 10, waitingFile: `${folder}/waiting.conf` },
    metricsFile: `${folder}/mover.prom`,
  },
  access,
  new PgBouncer({
    admin: { host: "127.0.0.1", port: pooler.port, user: "postgres", database: "pgbouncer" },
    database: "app",
    write: async (side) => {
      pointWriter(folder, side);
      writePooler(pooler.file, pooler.port, access[side].port);
    },
  }),
);
const VERBS: Record<MoverTask["verb"], () => Promise<unknown>> = {
  keep: async () => {
    const stop = new AbortController();
    process.once("SIGTERM", () => stop.abort());
    await keep(configuration, stop.signal, say);
  },
  sync: () => synchronise(configuration, who),
  flip: () => moveWrites(configuration, to ?? "green", who),
  status: () => dataStatus(configuration),
  commit: () => commit(configuration, who),
};
try {
  say({ event: "result", result: await VERBS[verb]() });
} catch (error) {
  process.exitCode = sayError(error);
}
