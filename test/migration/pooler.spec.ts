import { deepStrictEqual, ok } from "node:assert";
import { setTimeout as pause } from "node:timers/promises";
import pg from "pg";
import type { Access } from "../../migration/postgres/database.ts";
import { flip } from "../../migration/postgres/flip.ts";
import { onGround } from "./support/ground.ts";

const who = "the test";

describe("a pooler that is logging in to the database when it is paused", function () {
  this.timeout(60_000);

  it("shows no client an error, and lets none wait for much longer than the freeze", async () => {
    // 50 ms away, so that a login takes a while.
    await onGround({ versions: [17, 17], pooled: true, pushed: false, delayMs: 25 }, async ({ pair }) => {
      const { shoppers, move, application } = pair;
      await flip(move, { to: "green", who });
      const visitors = startVisitors(application[0] as Access);
      await shoppers.progress(20);
      shoppers.outcomes.slowestMs = 0;
      const onLine = async ({ line, phase }: { line: string; phase: string }) => {
        if (line === "F0" && phase === "end") await logInAnew(pair.place.pooler?.port ?? 0);
      };
      const { freezeMs } = await flip(move, { to: "blue", who, onLine });
      await shoppers.progress(20);
      const { errors, slowestMs } = shoppers.outcomes;
      deepStrictEqual([...errors, ...(await visitors.stop())], []);
      ok(slowestMs < freezeMs + 1_000, `${slowestMs} ms, of which the freeze took ${freezeMs}`);
      await pair.finish();
    });
  });
});

const AT_ONCE = 20;

/** Clients that come anew all the time, as those who wait already are served first. */
function startVisitors(access: Access): { stop(): Promise<string[]> } {
  const errors: string[] = [];
  const under = new Set<Promise<void>>();
  const visit = async () => {
    const client = new pg.Client(access);
    client.on("error", () => undefined);
    try {
      await client.connect();
      await client.query("SELECT count(*) FROM ledger");
    } catch (error) {
      errors.push(`a visitor saw: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      await client.end().catch(() => undefined);
    }
  };
  const timer = setInterval(() => {
    if (under.size >= AT_ONCE) return;
    const one = visit().finally(() => under.delete(one));
    under.add(one);
  }, 20);
  return {
    async stop() {
      clearInterval(timer);
      await Promise.all(under);
      return errors;
    },
  };
}

/** Returns while the pooler logs in to the database with connections that are all new. */
async function logInAnew(port: number): Promise<void> {
  const console = new pg.Client({ host: "127.0.0.1", port, user: "postgres", database: "pgbouncer" });
  await console.connect();
  await console.query("RECONNECT app");
  for (const deadline = Date.now() + 5_000; ; await pause(1)) {
    const { rows } = await console.query<{ database: string; sv_login: string }>("SHOW POOLS");
    if (rows.some(({ database, sv_login }) => database === "app" && Number(sv_login) > 0)) break;
    ok(Date.now() < deadline, "the pooler has not opened a connection");
  }
  await console.end();
}
