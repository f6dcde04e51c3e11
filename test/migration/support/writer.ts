import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import pg from "pg";
import type { Access } from "../../../migration/postgres/database.ts";
import { ACCOUNTS } from "./shop.ts";

/** What became of each transaction, by its token, and how long it took. */
export interface Outcomes {
  /** The server said that it is committed. */
  acked: string[];
  /** It ended before its COMMIT was sent: it must not be there. */
  failed: string[];
  /** The connection broke after its COMMIT was sent: it may be there, whole, or not at all. */
  unknown: string[];
  errors: string[];
  slowestMs: number;
}

export interface Writers {
  readonly outcomes: Outcomes;
  /** Waits until this many more are acknowledged. */
  progress(count: number): Promise<void>;
  stop(): Promise<void>;
}

const REST_MS = 4;

type Work = (client: pg.Client, token: string, round: number) => Promise<unknown>;

/**
 * Application servers that never rest: each transaction writes its token to three tables and moves a balance.
 * @param ways tried in turn after an error: one pooler, or both databases where there is none
 */
export function startShoppers(ways: readonly Access[], count = 4): Writers {
  return startWriters(ways, count, async (client, token, round) => {
    const delta = Math.floor(Math.random() * 100) - 50;
    await client.query("INSERT INTO ledger (token, delta) VALUES ($1, $2)", [token, delta]);
    const account = 1 + Math.floor(Math.random() * ACCOUNTS);
    await client.query("UPDATE account SET balance = balance + $1, changed = now() WHERE id = $2", [delta, account]);
    await client.query("INSERT INTO keyless (token, round, price) VALUES ($1, $2, 1.10)", [token, round]);
    await client.query(`INSERT INTO "Parted 🧀" VALUES (nextval('"Unowned Seq"'), $1, $2)`, [round % 2, token]);
    if (round % 20 === 19) await client.query("UPDATE keyless SET round = round + 1 WHERE token = $1", [token]);
  });
}

/** A job that somebody forgot: with a role of its own, straight to one database, past the pooler. */
export function startForgottenJob(access: Access): Writers {
  return startWriters([{ ...access, user: "cron" }], 1, async (client, token, round) => {
    await client.query("INSERT INTO ledger (token, delta) VALUES ($1, 0)", [token]);
    await client.query("INSERT INTO keyless (token, round) VALUES ($1, $2)", [token, round]);
    await client.query(`INSERT INTO "Parted 🧀" VALUES (nextval('"Unowned Seq"'), $1, $2)`, [round % 2, token]);
  });
}

function startWriters(ways: readonly Access[], count: number, work: Work): Writers {
  const outcomes: Outcomes = { acked: [], failed: [], unknown: [], errors: [], slowestMs: 0 };
  const ending = new AbortController();
  const all = Array.from({ length: count }, () => write(ways, work, outcomes, ending.signal));
  return {
    outcomes,
    async progress(more) {
      const wanted = outcomes.acked.length + more;
      for (const deadline = Date.now() + 20_000; outcomes.acked.length < wanted; await pause(5))
        if (Date.now() > deadline) throw new Error(`writes stand still; last error: ${outcomes.errors.at(-1)}`);
    },
    async stop() {
      ending.abort();
      await Promise.all(all);
    },
  };
}

async function write(ways: readonly Access[], work: Work, outcomes: Outcomes, signal: AbortSignal): Promise<void> {
  let client: pg.Client | undefined;
  let way = 0;
  for (let round = 0; !signal.aborted; round += 1) {
    const token = randomUUID();
    const began = performance.now();
    let sent = false;
    try {
      client ??= await connected(ways[way % ways.length]);
      await client.query("BEGIN");
      await work(client, token, round);
      sent = true;
      await client.query("COMMIT");
      outcomes.acked.push(token);
    } catch (error) {
      outcomes[sent ? "unknown" : "failed"].push(token);
      outcomes.errors.push(error instanceof Error ? error.message : String(error));
      const usable = ways.length === 1 && (await rolledBack(client));
      if (!usable) {
        void client?.end().catch(() => undefined);
        client = undefined;
        way += 1;
      }
      await pause(20);
    }
    outcomes.slowestMs = Math.max(outcomes.slowestMs, performance.now() - began);
    await pause(REST_MS);
  }
  await client?.end().catch(() => undefined);
}

async function rolledBack(client: pg.Client | undefined): Promise<boolean> {
  return (await client?.query("ROLLBACK").catch(() => undefined)) !== undefined;
}

async function connected(access: Access | undefined): Promise<pg.Client> {
  const client = new pg.Client({ ...access, connectionTimeoutMillis: 60_000 });
  client.on("error", () => undefined);
  await client.connect();
  return client;
}
