import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert";
import { readFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { Database } from "../../migration/postgres/database.ts";
import { readFence } from "../../migration/postgres/fence.ts";
import { FlipAborted, FlipRefused, flip, type LineEvent } from "../../migration/postgres/flip.ts";
import { COMMIT_POINT, LINES, type Line } from "../../migration/postgres/lines.ts";
import { takeLease } from "../../migration/postgres/lock.ts";
import { commitMove, prepareMove } from "../../migration/postgres/move.ts";
import { streamName } from "../../migration/postgres/names.ts";
import { recover, SplitBrain, settleSplit } from "../../migration/postgres/recover.ts";
import { otherSide } from "../../migration/side.ts";
import { type Network, startNetwork } from "./support/network.ts";
import { startOperator } from "./support/processes.ts";
import { type LivePair, settled, startLivePair } from "./support/run.ts";

const who = "the test";

describe("a flip that does not come to its end", function () {
  this.timeout(60_000);
  let pair: LivePair;
  let network: Network;
  before(async () => {
    pair = await startLivePair(17, 17, {
      peer: async (side, port) => {
        if (side === "green") return port;
        network = await startNetwork(port);
        return network.port;
      },
    });
    await pair.shoppers.progress(50);
  });
  after(async () => {
    await pair?.remove();
    await network?.remove();
  });

  /** A session of the application's that somebody left in the middle of something. */
  async function withSession<T>(work: (session: Database) => Promise<T>): Promise<T> {
    const session = new Database("blue", { ...pair.move.access.blue, user: "appuser" }, { once: true });
    try {
      return await work(session);
    } finally {
      await session.close();
    }
  }

  const refused = (reason: RegExp) =>
    rejects(flip(pair.move, { to: "green", who }), (error: Error) => {
      match(error.message, reason);
      return error instanceof FlipRefused;
    });

  it("is refused with the query of a long transaction, and ends it where that is allowed", () =>
    withSession(async (session) => {
      await session.query("BEGIN");
      await session.query("UPDATE account SET balance = balance WHERE id = 1");
      await pause(1_100);
      await refused(/appuser on blue, idle in transaction for 1 s: UPDATE account SET balance/);
      strictEqual(await pair.writer(), "blue");
      await flip(pair.move, { to: "green", who, endLongTransactions: true });
      await flip(pair.move, { to: "blue", who });
      await rejects(session.query("COMMIT"));
      await pair.intact();
    }));

  it("names whoever wrote after the first look and does not let go, and ends it where that is allowed", () =>
    withSession(async (session) => {
      const write = async ({ line, phase }: LineEvent) => {
        if (line !== "F1" || phase !== "end") return;
        await session.query("BEGIN");
        await session.query("UPDATE account SET balance = balance WHERE id = 2");
      };
      await rejects(flip(pair.move, { to: "green", who, onLine: write }), (error: Error) => {
        match(
          error.message,
          /line F2: its tables were not let go in time by:\nprocess \d+ of appuser on blue, idle in transaction/,
        );
        match(error.message, /UPDATE account SET balance = balance WHERE id = 2/);
        return error instanceof FlipAborted;
      });
      strictEqual(await pair.writer(), "blue");
      await session.query("ROLLBACK");
      await flip(pair.move, { to: "green", who, onLine: write, endLongTransactions: true });
      await flip(pair.move, { to: "blue", who });
      await rejects(session.query("COMMIT"));
      await pair.intact();
    }));

  it("is refused while a prepared transaction waits", () =>
    withSession(async (session) => {
      await session.query("BEGIN");
      await session.query("INSERT INTO scratch VALUES (NULL)");
      await session.query("PREPARE TRANSACTION 'left open'");
      await refused(/COMMIT PREPARED or ROLLBACK PREPARED each: 'left open'/);
      await session.query("ROLLBACK PREPARED 'left open'");
      await pair.intact();
    }));

  it("is refused to a second operator, who is told of the first", async () => {
    const first = startOperator({ verb: "flip", place: pair.place, to: "green", freezeAt: "F0" });
    while (first.child.exitCode === null && !(await isStopped(first.child.pid))) await pause(20);
    await rejects(flip(pair.move, { to: "green", who }), new RegExp(`operator ${first.child.pid} has been at work`));
    first.child.kill("SIGKILL");
    await first.ended;
    await pair.intact();
  });

  it("does not let the schema change meanwhile, but temporary tables", () =>
    withSession(async (session) => {
      const owner = pair.blue;
      await rejects(owner.query("CREATE TABLE public.fresh (id int)"), /would be missing on the other side/);
      await rejects(owner.query("ALTER TABLE public.ledger ADD COLUMN more int"), /would be missing/);
      await rejects(owner.query("DROP TABLE public.audit"), /would be missing/);
      await session.query("CREATE TEMPORARY TABLE passing (id int); DROP TABLE passing");
    }));

  for (const { name } of LINES.slice(1, LINES.findIndex(({ name }) => name === COMMIT_POINT) + 1))
    it(`leaves everything as before when ${name} fails`, async () => {
      const broken = (line: Line): Line => ({
        ...line,
        run: async (work) => {
          if (line.name !== COMMIT_POINT) await line.run(work);
          throw new Error("the power is gone");
        },
      });
      const lines = LINES.map((line) => (line.name === name ? broken(line) : line));
      await rejects(flip(pair.move, { to: "green", who, lines }), (error: Error) => {
        match(error.message, /the writes are at blue as before.*the power is gone/);
        ok(error instanceof FlipAborted);
        strictEqual(error.recovery.wayLost, undefined);
        return true;
      });
      strictEqual(await pair.writer(), "blue");
      await pair.intact();
    });

  it("gives up by itself when its time is over, and needs no new copy for the next try", async () => {
    const began = performance.now();
    await rejects(
      flip(pair.move, {
        to: "green",
        who,
        budgetMs: 800,
        onLine: ({ line, phase }) => {
          if (line === "F1" && phase === "begin") network.hold();
        },
      }),
      /freeze budget of 0.8 s was used up in line F3/,
    );
    ok(performance.now() - began < 5_000);
    // Before looking: green may have half of a transaction, and keeps its tables locked until the rest comes.
    network.release();
    await pair.intact();
    await flip(pair.move, { to: "green", who });
    await flip(pair.move, { to: "blue", who });
    await pair.intact();
  });

  it("is put back by the watchdog when the operator dies or falls asleep with statements held", async () => {
    const watchdog = startOperator({ verb: "watch", place: pair.place });
    for (const line of ["F2", "F7", "F10", "F11"]) {
      const to = (await pair.writer()) === "blue" ? "green" : "blue";
      const dead = startOperator({ verb: "flip", place: pair.place, to, dieAt: { line, afterMs: 0 } });
      await dead.ended;
      await settled(pair, 5_000);
      strictEqual(await pair.writer(), line === "F11" ? to : to === "blue" ? "green" : "blue");
      await pair.intact();
    }
    const from = await pair.writer();
    const asleep = startOperator({
      verb: "flip",
      place: pair.place,
      to: from === "blue" ? "green" : "blue",
      freezeAt: "F10",
      budgetMs: 1_000,
    });
    while (!(await isStopped(asleep.child.pid))) await pause(20);
    await settled(pair, 8_000);
    await pair.intact();
    asleep.child.kill("SIGCONT");
    strictEqual((await asleep.ended).code, 1, asleep.said.join("\n"));
    strictEqual(await pair.writer(), from, "who wakes up too late changes nothing");
    await pair.intact();
    watchdog.child.kill("SIGTERM");
    await watchdog.ended;
  });

  it("closes both sides and stays so when both were open, until a person has said which is right", async () => {
    deepStrictEqual(pair.shoppers.outcomes.errors, [], "nobody has met an error up to here");
    const writer = await pair.writer();
    const closed = pair[otherSide(writer)];
    await closed.query("SET bascule.operator = 'on'");
    await closed.query('ALTER TABLE ONLY public."Parted 0" DISABLE TRIGGER zz_bascule_fence');
    const expected = `${writer} was open and ${otherSide(writer)} was mixed|${otherSide(writer)} was mixed and ${writer} was open`;
    for (let times = 0; times < 2; times += 1)
      await rejects(flip(pair.move, { to: otherSide(writer), who }), (error: Error) => {
        match(error.message, new RegExp(expected));
        return error instanceof SplitBrain;
      });
    strictEqual(await readFence(pair.blue), "closed");
    strictEqual(await readFence(pair.green), "closed");
    const lease = await takeLease(pair.move.access, { who });
    await settleSplit(lease, writer);
    await recover(pair.move, lease);
    await lease.release();
    strictEqual(await pair.writer(), writer);
  });

  it("is refused for good after the way back was given up, and the schema may change again", async () => {
    // As a flip leaves them that was refused, or could not take everything away.
    const closed = otherSide(await pair.writer());
    await pair[closed].query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [streamName(closed)]);
    await pair.move.paths[closed].prepare(pair);
    const { writer } = await commitMove(pair.move, who);
    for (const side of [pair.blue, pair.green])
      for (const ours of ["pg_replication_slots", "pg_subscription"])
        deepStrictEqual(await side.query(`SELECT FROM ${ours}`), [], `${ours} of ${side.side}`);
    await rejects(flip(pair.move, { to: writer === "blue" ? "green" : "blue", who }), /is not current/);
    await pair[writer].query("CREATE TABLE public.fresh (id int)");
    await pair.shoppers.progress(20);
  });

  it("shows the pooler's clients no error but what was refused while both sides were closed", () => {
    // Two open sides are closed at once, without a pause that a long transaction could draw out: who is at work then may lose a
    // deadlock against the fence.
    deepStrictEqual(
      pair.shoppers.outcomes.errors.filter((error) => !/is fenced|deadlock detected/.test(error)),
      [],
    );
  });
});

describe("a table without a key", function () {
  this.timeout(60_000);
  it("is named with the statement to run before anything is published", async () => {
    const pair = await startLivePair(16, 16, { pooler: false });
    try {
      await commitMove(pair.move, who);
      for (const side of [pair.blue, pair.green]) await side.query('CREATE TABLE "No ""Key" (a int)');
      await rejects(prepareMove(pair.move, who), /ALTER TABLE "public"."No ""Key" REPLICA IDENTITY FULL;/);
      await pair.shoppers.progress(20);
    } finally {
      await pair.remove();
    }
  });
});

/** Whether a process has been stopped by a signal and not gone on since. */
async function isStopped(pid: number | undefined): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return stat.slice(stat.lastIndexOf(")") + 2).startsWith("T");
}
