import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Configuration } from "../../migration/mover/configuration.ts";
import { keep } from "../../migration/mover/keeper.ts";
import { KeptApplier } from "../../migration/mover/kept-applier.ts";
import { Mailbox } from "../../migration/mover/mailbox.ts";
import { metricsText } from "../../migration/mover/metrics.ts";
import { proofOf, readProof, writeProof } from "../../migration/mover/proof.ts";
import { pointedWriter, pointWriter } from "../../migration/mover/writer-link.ts";
import { NativePath } from "../../migration/postgres/native.ts";
import { noPooler } from "../../migration/postgres/pooler.ts";
import { SynchronousWay } from "../../migration/postgres/synchronous.ts";

/** Nobody listens on port 1: both databases are out of reach. */
const nowhere = { host: "127.0.0.1", port: 1, database: "x", user: "x", password: "x" };

describe("the mover's service and those who ask it", function () {
  this.timeout(20_000);
  let folder: string;
  let mailbox: Mailbox;
  let applier: KeptApplier;
  let stop: AbortController;
  let ended: Promise<void>;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "bascule-mover-"));
    mailbox = new Mailbox(folder);
    applier = new KeptApplier(mailbox, "green");
    stop = new AbortController();
    const access = { blue: nowhere, green: nowhere };
    const paths = { blue: new NativePath("blue", nowhere), green: new NativePath("green", nowhere) };
    const configuration: Configuration = {
      access,
      move: { access, paths, pooler: noPooler },
      mailbox,
      role: "x",
      folder,
      freezeBudgetMs: 15_000,
      waiting: new SynchronousWay("green", join(folder, "waiting.conf")),
      patienceMs: 1_000,
      endLongTransactions: false,
      metricsFile: join(folder, "mover.prom"),
    };
    ended = keep(configuration, stop.signal, () => {});
  });

  afterEach(async () => {
    stop.abort();
    await ended;
    rmSync(folder, { recursive: true });
  });

  const until = async (holds: () => boolean) => {
    for (const deadline = Date.now() + 10_000; !holds(); await pause(10))
      assert.ok(Date.now() < deadline, JSON.stringify(mailbox.note));
  };

  it("rests until it is told to carry, says why it waits, and rests when told so", async () => {
    await until(() => mailbox.note?.applier === "resting");
    assert.equal(await applier.trouble(), "the applier was not started");
    await applier.start();
    await until(() => mailbox.note?.applier === "waiting");
    assert.match((await applier.trouble()) ?? "", /ECONNREFUSED/);
    await applier.stop();
    assert.equal(mailbox.note?.applier, "resting");
  });

  it("is started once, however often it is asked to", async () => {
    await applier.start();
    const { id } = mailbox.wish;
    await applier.start();
    assert.equal(mailbox.wish.id, id);
  });

  it("carries one direction at a time", async () => {
    const there = new KeptApplier(mailbox, "blue");
    await there.start();
    await until(() => mailbox.note?.applier === "waiting");
    assert.equal(await applier.trouble(), "the applier was not started");
    // What does not run is not stopped, and what does goes on.
    await applier.stop();
    assert.deepEqual([mailbox.wish.carry, mailbox.wish.from], [true, "blue"]);
    await applier.start();
    await until(() => mailbox.note?.answered === mailbox.wish.id);
    assert.equal(await there.trouble(), "the applier was not started");
    await there.stop();
    await applier.stop();
    assert.equal(mailbox.note?.applier, "resting");
  });

  it("goes on carrying after it was ended and began again, as the wish is kept", async () => {
    await applier.start();
    await until(() => mailbox.note?.applier === "waiting");
    stop.abort();
    await ended;
    stop = new AbortController();
    assert.equal(mailbox.wish.carry, true);
  });

  it("watches over flips while there is one, and stops when it has ended", async () => {
    mailbox.watch = true;
    await until(() => mailbox.note?.watching === true);
    mailbox.watch = false;
    await until(() => mailbox.note?.watching === false);
  });

  it("says in figures that nobody answers, and nothing of what it does not know", async () => {
    const file = join(folder, "mover.prom");
    await until(() => existsSync(file));
    const text = readFileSync(file, "utf8");
    assert.match(text, /^data_move_look_failed 1$/m);
    assert.match(text, /^data_move_way_back\{state="asynchronous"\} 1$/m);
    assert.doesNotMatch(text, /current|lag|writer|waiting/);
    const [, at] = /^data_move_looked_timestamp_seconds (\d+)$/m.exec(text) ?? [];
    assert.ok(Math.abs(Date.now() / 1000 - Number(at)) < 20, text);
    assert.equal(statSync(file).mode & 0o777, 0o644);
  });

  it("is missed when it says nothing for too long", async () => {
    await applier.start();
    await until(() => mailbox.note?.applier === "waiting");
    stop.abort();
    await ended;
    const { note } = mailbox;
    assert.ok(note);
    mailbox.note = { ...note, at: Date.now() - 60_000 };
    assert.match((await applier.trouble()) ?? "", /does not answer: see 'systemctl status bascule-mover'/);
    // As after the machine's clock was set back.
    mailbox.note = { ...note, at: Date.now() + 60_000 };
    assert.match((await applier.trouble()) ?? "", /does not answer/);
  });
});

describe("the mover's figures", () => {
  const wayBack = { state: "degraded", since: "2026-11-26 19:00:00.5+00" };
  it("tell since when green's writes are worth less than was asked for, and how many wait", () => {
    const text = metricsText({ wayBack, waiting: 3, at: 1_795_719_700.9 });
    assert.match(text, /^data_move_way_back\{state="degraded"\} 1$/m);
    assert.match(text, /^data_move_way_back\{state="synchronous"\} 0$/m);
    assert.match(text, /^data_move_way_back_since_timestamp_seconds 1795719600$/m);
    assert.match(text, /^data_move_waiting_commits 3$/m);
    assert.match(text, /^data_move_looked_timestamp_seconds 1795719700$/m);
    for (const line of text.trimEnd().split("\n"))
      assert.match(line, /^(# (HELP|TYPE) data_move_\w+ .+|data_move_\w+(\{\w+="\w+"\})? -?\d+(\.\d+)?)$/);
  });
});

describe("what the mover keeps", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "bascule-mover-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("turns the link PgBouncer includes, also where none was", () => {
    pointWriter(folder, "blue");
    assert.equal(pointedWriter(folder), "blue");
    pointWriter(folder, "green");
    assert.equal(pointedWriter(folder), "green");
    rmSync(join(folder, "writer.ini"));
    symlinkSync("/etc/pgbouncer/writers/blue.ini", join(folder, "writer.ini"));
    assert.equal(pointedWriter(folder), "blue");
  });

  it("calls two sides equal only when they were compared", () => {
    assert.equal(readProof(folder), null);
    const failed = proofOf(new Error("the session broke"));
    assert.deepEqual([failed.equal, failed.differences], [false, ["the session broke"]]);
    const rows = { blue: 3, green: 2 };
    const table = { table: "orders", verdict: "different", rows, named: [], all: true } as const;
    const found = proofOf({ equal: false, tables: [table], structure: [], sequences: [], seconds: 0.12, bytes: 9 });
    assert.deepEqual(found.differences, ["orders: different, 3 rows on blue and 2 on green"]);
    const own = [
      { kind: "extension", name: "pg_trgm", blue: undefined, green: "" },
      { kind: "function", name: "pgbouncer.secret_of(wanted text)", blue: undefined, green: "x" },
    ];
    const lacking = { kind: "index", name: "public.orders_at", blue: "CREATE INDEX ...", green: undefined };
    const same = { ...table, verdict: "equal" } as const;
    const whole = { equal: false, tables: [same], sequences: [], seconds: 0.1, bytes: 9 };
    assert.equal(proofOf({ ...whole, structure: own }).equal, true);
    assert.equal(proofOf({ ...whole, structure: [...own, lacking] }).equal, false);
    writeProof(folder, found);
    assert.deepEqual(readProof(folder), found);
  });
});
