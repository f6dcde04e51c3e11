import { hostname } from "node:os";
import { parseArgs } from "node:util";
import { cleanBlue } from "./mover/clean.ts";
import { type Configuration, readConfiguration } from "./mover/configuration.ts";
import { commit, moveWrites, putRight } from "./mover/flips.ts";
import { inspectBoth } from "./mover/inspection.ts";
import { keep } from "./mover/keeper.ts";
import { commitKeys, followKeys, requireKeysReady, verifyKeys } from "./mover/keys/verbs.ts";
import { say, sayError } from "./mover/output.ts";
import { proofOf, withoutGreensOwn, writeProof } from "./mover/proof.ts";
import { dataStatus } from "./mover/status.ts";
import { leadToBlue, synchronise } from "./mover/synchronise.ts";
import { Database } from "./postgres/database.ts";
import { FlipRefused } from "./postgres/flip.ts";
import { verify } from "./postgres/verify/verify.ts";

/*
 * The mover on green's server: `node mover.mjs CONFIGURATION VERB`, as postgres. Every verb prints lines of JSON (`output.ts`), the
 * last of them its result or its error. It ends with 0, with 30 when refused, with 20 when a flip was taken back, else with 1.
 */

type Verb = (configuration: Configuration, who: string) => Promise<unknown>;

const VERBS: Record<string, Verb> = {
  inspect: inspectBoth,
  sync: async (configuration, who) => {
    const { keys } = configuration;
    if (keys !== undefined) await requireKeysReady(keys, values.discard);
    await synchronise(configuration, who);
    if (keys !== undefined) {
      say({ event: "step", what: "bringing blue's keys to green" });
      await followKeys(keys, values.discard);
    }
    return dataStatus(configuration);
  },
  lead: async (configuration) => {
    await leadToBlue(configuration);
    return "blue";
  },
  verify: async ({ access, folder, keys }) => {
    const rows = await atBoth(access, async (at) => {
      const verification = await verify(at, {
        tell: ({ bytes, totalBytes }) =>
          say({
            event: "progress",
            what: `${bytes} of ${totalBytes} bytes`,
            share: totalBytes === 0 ? 1 : bytes / totalBytes,
          }),
      });
      writeProof(folder, proofOf(verification));
      return withoutGreensOwn(verification);
    });
    if (keys === undefined) return rows;
    say({ event: "step", what: "comparing the keys" });
    const verified = await verifyKeys(keys);
    return { ...rows, equal: rows.equal && verified.equal, keys: verified };
  },
  flip: (configuration, who) => {
    if (values.to !== "blue" && values.to !== "green") throw new FlipRefused("--to: allowed are blue and green");
    return moveWrites(configuration, values.to, who);
  },
  status: dataStatus,
  recover: putRight,
  commit: async (configuration, who) => {
    const { keys } = configuration;
    if (keys !== undefined) await requireTogether(configuration);
    const committed = await commit(configuration, who);
    if (keys !== undefined) await commitKeys(keys);
    return committed;
  },
  "clean-blue": cleanBlue,
  keep: async (configuration) => {
    const stop = new AbortController();
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => stop.abort());
    await keep(configuration, stop.signal, say);
    return "ended";
  },
};

/** @throws FlipRefused where a flip moved the rows and not the keys: giving up the way back would leave them so */
async function requireTogether(configuration: Configuration): Promise<void> {
  const { writer, keys } = await dataStatus(configuration);
  if (keys !== undefined && keys.state !== "none" && keys.writer !== writer)
    throw new FlipRefused(
      `the rows are at ${writer} and the keys at ${keys.writer}: bascule data move --to ${writer} first`,
    );
}

async function atBoth<T>(
  access: Configuration["access"],
  work: (at: { blue: Database; green: Database }) => Promise<T>,
): Promise<T> {
  const at = { blue: new Database("blue", access.blue), green: new Database("green", access.green) };
  try {
    return await work(at);
  } finally {
    await Promise.all([at.blue.close(), at.green.close()]);
  }
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    to: { type: "string" },
    who: { type: "string", default: "somebody" },
    discard: { type: "boolean", default: false },
  },
});
const [file = "", name = ""] = positionals;
const verb = VERBS[name];
if (verb === undefined) throw new Error(`usage: mover CONFIGURATION ${Object.keys(VERBS).join("|")}`);
try {
  const who = `${values.who}, process ${process.pid} on ${hostname()}`;
  say({ event: "result", result: await verb(readConfiguration(file), who) });
} catch (error) {
  process.exitCode = sayError(error);
}
