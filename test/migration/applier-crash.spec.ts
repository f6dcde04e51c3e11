import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import type { ApplierStatus } from "../../migration/postgres/applier/service.ts";
import { content, makeStream, type Pair, startPair } from "./support/databases.ts";

const MAIN = join(import.meta.dirname, "../../migration/postgres/applier/main.ts");
const SCHEMA = `
  CREATE TABLE account (id int PRIMARY KEY, balance bigint NOT NULL);
  CREATE TABLE ledger (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, token uuid NOT NULL UNIQUE, delta int, big text);
  CREATE TABLE keyless (token uuid, n int); ALTER TABLE keyless REPLICA IDENTITY FULL`;
/** As many transactions as there are numbers from 1 to `count`, each in three tables, each committed alone. */
const write = (count: number) => `
  DO $$BEGIN FOR i IN 1..${count} LOOP
    INSERT INTO ledger (token, delta, big) VALUES (gen_random_uuid(), i, repeat('x', i % 7 * 100));
    UPDATE account SET balance = balance + i WHERE id = 1 + i % 20;
    INSERT INTO keyless SELECT token, delta FROM ledger ORDER BY id DESC LIMIT 1;
    IF i % 10 = 0 THEN DELETE FROM keyless WHERE n = i - 5; END IF;
    COMMIT;
  END LOOP; END$$`;

describe("the push applier as a process", function () {
  this.timeout(120_000);
  let pair: Pair;
  let folder: string;
  let file: string;
  const children = new Set<ChildProcess>();

  before(async () => {
    pair = await startPair(15, 16);
    for (const side of [pair.blue, pair.green]) {
      await side.query(SCHEMA);
      await side.query("INSERT INTO account SELECT g, 0 FROM generate_series(1, 20) g");
    }
    await makeStream(pair.green);
    folder = mkdtempSync(join(tmpdir(), "bascule-applier-"));
    file = join(folder, "applier.json");
    writeFileSync(file, JSON.stringify({ from: "green", blue: pair.blue.access, green: pair.green.access }));
  });
  after(async () => {
    for (const child of children) child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
    await pair?.remove();
  });

  function start(more: string[] = []) {
    const child = spawn(process.execPath, [...more, MAIN, file], { stdio: ["ignore", "pipe", "inherit"] });
    children.add(child);
    const statuses: ApplierStatus[] = [];
    createInterface({ input: child.stdout }).on("line", (line) => statuses.push(JSON.parse(line) as ApplierStatus));
    const ended = new Promise<{ code: number | null; signal: string | null }>((resolve) =>
      child.once("exit", (code, signal) => {
        children.delete(child);
        resolve({ code, signal });
      }),
    );
    return { child, statuses, ended };
  }

  async function applied(): Promise<boolean> {
    const { done } = await pair.green.one(
      "SELECT confirmed_flush_lsn >= pg_current_wal_flush_lsn() AS done FROM pg_replication_slots",
    );
    return done === "t";
  }

  it("applies each change once, however often it is killed", async () => {
    const writing = pair.green.another();
    const written = writing.query(write(6000)).finally(() => writing.close());
    let kills = 0;
    let over = false;
    written.finally(() => {
      over = true;
    });
    while (kills < 20 || !over) {
      const { child, ended, statuses } = start();
      for (let tries = 0; tries < 200 && statuses.length === 0; tries += 1) await pause(10);
      await pause(Math.random() * 150);
      child.kill("SIGKILL");
      strictEqual((await ended).signal, "SIGKILL");
      kills += 1;
    }
    await written;
    const last = start();
    for (let tries = 0; tries < 600 && !((await applied()) && last.statuses.length > 0); tries += 1) await pause(50);
    last.child.kill("SIGTERM");
    deepStrictEqual(await last.ended, { code: 0, signal: null });
    for (const table of ["account", "ledger", "keyless"])
      deepStrictEqual(await content(pair.blue, table), await content(pair.green, table), table);
    strictEqual((await pair.blue.one("SELECT count(*) FROM ledger")).count, "6000");
  });

  it("carries a transaction that is larger than its memory, and tells how far it is", async () => {
    await pair.green.query("TRUNCATE ledger, keyless");
    await pair.green.query(
      "INSERT INTO ledger (token, delta, big) SELECT gen_random_uuid(), g, repeat(md5(g::text), 25) FROM generate_series(1, 100000) g",
    );
    const { child, ended, statuses } = start(["--max-old-space-size=64"]);
    let peak = 0;
    for (let tries = 0; tries < 1200 && !(await applied()); tries += 1) {
      const high = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"));
      peak = Math.max(peak, Number(high?.[1]));
      await pause(50);
    }
    child.kill("SIGTERM");
    deepStrictEqual(await ended, { code: 0, signal: null });
    strictEqual((await pair.blue.one("SELECT count(*) FROM ledger")).count, "100000");
    ok(peak > 0 && peak < 300_000, `it took ${peak} kB for 80 MB of rows`);
    ok(
      statuses.some(({ lag }) => lag.rows > 1000 && lag.bytes > 1_000_000 && lag.seconds > 0),
      "no lag was told",
    );
  });
});
