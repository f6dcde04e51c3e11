import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Mailbox } from "../../migration/mover/mailbox.ts";
import { dropSlot, subscribed } from "../../migration/postgres/stream.ts";
import type { Side } from "../../migration/side.ts";
import { type Gate, startGate } from "./support/gate.ts";
import { type Managed, startManaged } from "./support/managed.ts";
import type { MoverTask } from "./support/mover.ts";
import { type Operator, startMover } from "./support/processes.ts";

describe("a mover whose server can make no subscription", function () {
  this.timeout(90_000);
  let folder: string;
  let gate: Gate;
  let pair: Managed;
  let mailbox: Mailbox;
  let service: Operator;
  let task: Omit<MoverTask, "verb">;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "bascule-mover-"));
    pair = await startManaged(15, 17, { pushed: true });
    gate = await startGate(pair.blue.access.port);
    mailbox = new Mailbox(folder);
    const dump = pair.pgDump.map((word) => `'${word}'`).join(" ");
    writeFileSync(join(folder, "pg_dump"), `#!/bin/sh\nexec ${dump} "$@"\n`, { mode: 0o755 });
    const access = { blue: { ...pair.blue.access, port: gate.port }, green: pair.green.access };
    task = { folder, access, pooler: { port: pair.bouncer.port, file: pair.bouncer.file } };
    service = startMover({ ...task, verb: "keep" }, folder);
    await pair.shoppers.progress(50);
  });
  after(async () => {
    service?.child.kill("SIGTERM");
    await service?.ended;
    await pair?.remove();
    await gate?.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  /** @returns what it said, and its result */
  const verb = async (name: MoverTask["verb"], to?: Side) => {
    const { said, ended } = startMover({ ...task, verb: name, ...(to === undefined ? {} : { to }) }, folder);
    strictEqual((await ended).code, 0, [...said, ...service.said].slice(-5).join("\n"));
    const events = said.map((line) => JSON.parse(line) as { event: string; what?: string; result?: unknown });
    return { steps: events.map(({ what }) => what ?? "").join("\n"), result: Object(events.at(-1)?.result) };
  };
  const slots = async () =>
    (
      await Promise.all(
        [pair.platform, pair.green].map((side) => side.query("SELECT slot_name FROM pg_replication_slots")),
      )
    )
      .flat()
      .map(({ slot_name: name }) => name);

  it("finds that out, copies the rows itself with writers on them, and follows", async () => {
    match((await verb("sync")).steps, /cannot subscribe, so the mover brings everything: .*could not connect/);
    strictEqual(mailbox.pushes, true);
    strictEqual(await subscribed(pair.green, "blue"), false);
    const { state, writer, wayBack } = (await verb("status")).result;
    deepStrictEqual([state, writer, wayBack.state], ["current", "blue", "resting"]);
    await pair.intact("blue");
    const figures = () => readFileSync(join(folder, "mover.prom"), "utf8");
    ok(await until(() => /^data_move_current 1$/m.test(figures())), figures());
    match(figures(), /^data_move_writer\{side="blue"\} 1\ndata_move_writer\{side="green"\} 0$/m);
    match(figures(), /^data_move_look_failed 0$/m);
    match(figures(), /^data_move_lag_bytes \d+$/m);
    match(figures(), /^data_move_waiting_commits 0$/m);
  });

  it("moves the writes there and back, and there and back again, and loses none", async () => {
    for (const to of ["green", "blue", "green", "blue"] as const) {
      const { proof } = (await verb("flip", to)).result;
      // The copy leaves grants to the one role that owns everything, so they differ.
      ok(proof.tables.all > 5 && proof.tables.equal === proof.tables.all, JSON.stringify(proof));
      await pair.intact(to);
    }
    deepStrictEqual(await slots(), ["bascule_blue_to_green"]);
  });

  it("goes on as it began where the copy is run again, though a subscription could be made by now", async () => {
    gate.open();
    await verb("sync");
    strictEqual(mailbox.pushes, true);
    await pair.intact("blue");
  });

  it("lets the servers do it where nothing was carried any more, and they can", async () => {
    await pair.shoppers.progress(10);
    mailbox.wish = { id: "the slot is lost", carry: false, from: "blue" };
    ok(await until(() => mailbox.note?.answered === mailbox.wish.id));
    await dropSlot(pair.blue);
    match((await verb("sync")).steps, /taken anew/);
    strictEqual(mailbox.pushes, false);
    strictEqual(await subscribed(pair.green, "blue"), true);
    await verb("flip", "green");
    await pair.intact("green");
  });

  it("asks again in the next move, and leaves nothing behind, once the way back is given up", async () => {
    mailbox.pushes = true;
    await pair.finish("green");
    await verb("commit");
    strictEqual(mailbox.pushes, false);
    deepStrictEqual(await slots(), []);
  });
});

async function until(holds: () => boolean): Promise<boolean> {
  for (const deadline = performance.now() + 10_000; performance.now() < deadline; await pause(20))
    if (holds()) return true;
  return false;
}
