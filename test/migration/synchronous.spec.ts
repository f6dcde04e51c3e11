import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import { setTimeout as pause } from "node:timers/promises";
import { flip } from "../../migration/postgres/flip.ts";
import { WAITING_LOCK } from "../../migration/postgres/lock.ts";
import { watchSynchrony } from "../../migration/postgres/synchrony-watch.ts";
import type { Major } from "./support/cluster.ts";
import type { Ground } from "./support/fault.ts";
import { onGround } from "./support/ground.ts";
import { AT_ONCE, loseGreen } from "./support/loss.ts";

const who = "the test";
const PATIENCE_MS = 1_000;

const WAYS: [blue: Major, green: Major, pushed: boolean][] = [
  [15, 17, false],
  [17, 17, false],
  [15, 17, true],
  [17, 17, true],
];

/** The network by which green's changes come to blue. */
const wayBack = ({ networks }: Ground, pushed: boolean) => (pushed ? networks.blue : networks.green);

for (const [blue, green, pushed] of WAYS)
  describe(`a way back from PostgreSQL ${green} to ${blue} that commits wait for, ${pushed ? "pushed" : "subscribed to"}`, function () {
    this.timeout(60_000);

    it("waits no longer than it may, comes back by itself, and has every write when green is destroyed", () =>
      onGround({ versions: [blue, green], pooled: true, pushed, delayMs: 0, synchronous: true }, async (ground) => {
        const { pair } = ground;
        const network = wayBack(ground, pushed);
        await goGreen(ground);
        const watching = watched(ground);
        try {
          strictEqual(watching.way.synchrony?.state, "synchronous");
          network.cut();
          await pair.shoppers.progress(50);
          strictEqual(watching.way.synchrony?.state, "degraded");
          match(watching.way.synchrony.why ?? "", /other side/);
          ok(pair.shoppers.outcomes.slowestMs > PATIENCE_MS, `${pair.shoppers.outcomes.slowestMs} ms`);
          ok(pair.shoppers.outcomes.slowestMs < PATIENCE_MS + 3_000, `${pair.shoppers.outcomes.slowestMs} ms`);
          network.mend();
          // It is so first, and told then.
          await until(() => watching.told.length > 2);
          deepStrictEqual(watching.told, ["synchronous", "degraded", "synchronous"]);
          // Silent, and not closed: nothing but the missing answer tells.
          network.hold();
          await pair.shoppers.progress(50);
          strictEqual(watching.way.synchrony?.state, "degraded");
          network.release();
          await until(() => watching.told.length > 4);
          deepStrictEqual(watching.told.slice(3), ["degraded", "synchronous"]);
          for (const to of ["blue", "green"] as const) {
            await flip(pair.move, { to, who });
            strictEqual(watching.way.synchrony?.state, to === "green" ? "synchronous" : undefined);
            strictEqual(await names(ground), to === "green" ? "bascule_green_to_blue" : "");
            await pair.intact();
          }
        } finally {
          // The end finds somebody at work on it, and tries again.
          const other = pair.green.another();
          await other.query(`SELECT pg_advisory_lock(${WAITING_LOCK})`);
          setTimeout(() => void other.close(), 1_000);
          await watching.end();
        }
        strictEqual(watching.way.synchrony?.state, "degraded", "nobody watches");
        await flip(pair.move, { to: "blue", who });
        strictEqual(pair.shoppers.outcomes.errors.join("\n"), "");
        await goGreen(ground);
        const { answered, verdict } = await loseGreen(pair, network);
        ok(answered <= AT_ONCE, `${answered} writes were answered that blue cannot have`);
        deepStrictEqual(verdict.problems, []);
      }));
  });

async function goGreen({ pair }: Ground): Promise<void> {
  await pair.shoppers.progress(50);
  await flip(pair.move, { to: "green", who });
  await pair.shoppers.progress(50);
}

function watched({ pair }: Ground) {
  const way = pair.move.synchronous;
  ok(way !== undefined);
  const stop = new AbortController();
  const told: (string | undefined)[] = [];
  const ended = watchSynchrony(way, pair.move.access.green, {
    signal: stop.signal,
    patienceMs: PATIENCE_MS,
    tell: (synchrony) => told.push(synchrony?.state),
    onError: (error) => console.error(error),
  });
  return {
    way,
    told,
    end: async () => {
      stop.abort();
      await ended;
    },
  };
}

async function names({ pair }: Ground): Promise<string | null | undefined> {
  const session = pair.green.another();
  return (await session.one("SHOW synchronous_standby_names").finally(() => session.close())).synchronous_standby_names;
}

async function until(holds: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 15_000; !holds(); await pause(20)) ok(Date.now() < deadline, "in time");
}
