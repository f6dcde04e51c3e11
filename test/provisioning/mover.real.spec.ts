import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import pg from "pg";
import { Server } from "../../migration/redis/server.ts";
import { check, startWriters, type Writers } from "../migration/redis/support/writer.ts";
import { type Load, startLoad } from "./mover/load.ts";
import { type MoverPair, startMoverPair } from "./mover/pair.ts";
import { exposure } from "./stores/world.ts";

/** A number per image, so that both may run at the same time as others. */
const FORWARD = 26_000 + Number(process.env.BASCULE_TEST_SLOT ?? 13) * 10;

for (const [index, image] of (["debian-13", "debian-12"] as const).entries()) {
  // On one of them the keys of Redis move, too, and writes on green wait for blue.
  const keys = image === "debian-13";
  const wayBack = keys ? "synchronous" : "asynchronous";

  describe(`moving data by replication onto ${image}${keys ? ", keys with it, writes waiting for the way back" : ""}`, function () {
    this.timeout(240_000);
    let pair: MoverPair;
    let load: Load;
    let keyLoad: Writers | undefined;

    before(async () => {
      pair = await startMoverPair(image, FORWARD + index, { keys, wayBack });
    });
    after(async () => {
      await load?.stop();
      await keyLoad?.stop();
      await pair?.remove();
    });

    const result = (events: Record<string, unknown>[]): Record<string, unknown> => {
      const last = events.at(-1);
      assert.equal(last?.event, "result", JSON.stringify(events.slice(-3)));
      return Object(last?.result);
    };
    const status = async () => result((await pair.mover("status", "look")).events);
    const lost = async (read: MoverPair["onBlue"]) => {
      // The list first: what is confirmed while the rows are read must not count as lost.
      const acked = [...load.acked];
      const found = new Set((await read("SELECT token FROM orders")).split("\n"));
      return acked.filter((token) => !found.has(token)).length;
    };
    /** Waits for it, as whoever runs the exporter reads it. */
    const figure = async (wanted: RegExp) => {
      for (const deadline = Date.now() + 30_000; ; await pause(500)) {
        const text = await pair.green.asRoot("runuser -u nobody -- cat /var/lib/prometheus/node-exporter/mover.prom");
        if (wanted.test(text)) return;
        assert.ok(Date.now() < deadline, text);
      }
    };
    const moveTo = async (to: "blue" | "green") => {
      const { code, events } = await pair.mover(`flip --to ${to}`);
      assert.equal(code, 0, JSON.stringify(events.slice(-2)));
      const { freezeMs, proof } = result(events) as { freezeMs: number; proof: { equal: boolean } };
      assert.ok(freezeMs > 0 && freezeMs < 10_000, `${freezeMs} ms`);
      assert.equal(proof.equal, true, JSON.stringify(proof));
      if (keys) await requireKeys(to, Object(result(events).keys));
    };
    /** Through the relay, as the application sees them: none lost, none refused while they were held. */
    const requireKeys = async (to: string, moved: { to: string; freezeMs: number; promises: string[] }) => {
      assert.equal(moved.to, to, JSON.stringify(moved));
      // Whether all of them were compared in time is the machine's affair; what was kept is said either way.
      assert.match(moved.promises[0] ?? "", /^keys "copy:\*" \(copy\): converged/);
      assert.ok(moved.freezeMs > 0 && moved.freezeMs < 10_000, `${moved.freezeMs} ms`);
      assert.ok(keyLoad !== undefined);
      await keyLoad.progress(20);
      const app = new Server("green", pair.relayed);
      try {
        assert.deepEqual(await check(app, keyLoad), []);
      } finally {
        app.close();
      }
      assert.equal(keyLoad.refused, 0);
    };

    it("is applied once, and says unchanged the second time", async () => {
      await pair.apply("unchanged");
      assert.equal((await pair.green.hostctl("check")).code, 0);
    });

    it("finds nothing in the way, and says so before anything is copied", async () => {
      const { code, events } = await pair.mover("inspect");
      assert.equal(code, 0);
      const { ready, findings } = result(events) as { ready: boolean; findings: { level: string }[] };
      assert.deepEqual(
        findings.filter(({ level }) => level === "blocks" || level === "setting"),
        [],
      );
      assert.equal(ready, true);
      assert.equal((await status()).state, "none");
    });

    it("refuses to move writes before there is a copy", async () => {
      const { code, events } = await pair.mover("flip --to green");
      assert.equal(code, 30);
      assert.match(JSON.stringify(events.at(-1)), /nothing was brought to green yet: bascule sync/);
    });

    it("copies, and then leads clients that are connected already to blue's database", async () => {
      const client = new pg.Client(pair.pool);
      const broken: string[] = [];
      client.on("error", (error) => broken.push(error.message));
      await client.connect();
      const where = async () => (await client.query("SELECT current_database() AS name")).rows[0]?.name;
      assert.equal(await where(), "shop");
      const { code, events } = await pair.mover("sync");
      assert.equal(code, 0, JSON.stringify(events.slice(-3)));
      const { state, writer, pool, fences } = result(events);
      assert.deepEqual(
        { state, writer, pool, fences },
        { state: "current", writer: "blue", pool: "blue", fences: { blue: "open", green: "closed" } },
      );
      assert.equal(await where(), "store");
      assert.deepEqual(broken, []);
      await client.end();
      assert.equal(await pair.onGreen("SELECT count(*) FROM note"), "500");
    });

    if (keys)
      it("follows blue's keys, and leads the application to them", async () => {
        const { state, writer, relay, count, why } = Object((await status()).keys);
        assert.deepEqual(
          { state, writer, relay, why },
          { state: "following", writer: "blue", relay: "blue", why: undefined },
        );
        assert.deepEqual(
          Object(count).declared.map(({ prefix, keys: there }: { prefix: string; keys: number }) => [prefix, there]),
          [
            ["copy:", 2_000],
            ["queue:", 0],
            ["", 2_000],
          ],
        );
        const app = new Server("green", pair.relayed);
        assert.equal(String(await app.ask("GET", "cache:7")), "7");
        app.close();
      });

    it("is not drift, and is not put back by an apply", async () => {
      assert.equal((await pair.green.hostctl("check")).code, 0);
      await pair.apply("unchanged");
      assert.equal((await status()).pool, "blue");
    });

    it("moves the writes there, back and there again under load: no error, none lost, the same rows", async () => {
      load = await startLoad(pair.pool, 8);
      if (keys) keyLoad = startWriters({ blue: pair.relayed, green: pair.relayed }, 1);
      for (const to of ["green", "blue", "green"] as const) {
        await pause(1_000);
        await moveTo(to);
        assert.equal(await lost(to === "blue" ? pair.onBlue : pair.onGreen), 0);
      }
      const { flips, writer, wayBack: worth } = await status();
      assert.equal(writer, "green");
      await figure(/^data_move_writer\{side="green"\} 1$/m);
      await figure(/^data_move_current 1$/m);
      const { set, state } = worth as { set: string; state: string };
      assert.deepEqual([set, state], [wayBack, wayBack]);
      assert.deepEqual(
        (flips as { outcome: string }[]).map(({ outcome }) => outcome),
        ["finished", "finished", "finished"],
      );
    });

    if (wayBack === "synchronous")
      it("goes on with blue gone after the time that was set, says so, and waits for it again; no drift", async () => {
        const names = "bascule_green_to_blue";
        assert.equal(await pair.onGreen("SHOW synchronous_standby_names"), names);
        await pair.blue.asRoot("systemctl stop postgresql@15-main.service");
        const before = load.acked.length;
        for (const deadline = Date.now() + 20_000; load.acked.length < before + 50; await pause(100))
          assert.ok(Date.now() < deadline, "writes go on");
        assert.match(await pair.green.asRoot("journalctl -u bascule-mover.service"), /"state":"degraded"/);
        await figure(/^data_move_way_back\{state="degraded"\} 1$/m);
        await figure(/^data_move_look_failed 1$/m);
        await pair.blue.asRoot("systemctl start postgresql@15-main.service");
        await figure(/^data_move_way_back\{state="synchronous"\} 1$/m);
        for (const deadline = Date.now() + 20_000; ; await pause(200)) {
          if ((await pair.onGreen("SHOW synchronous_standby_names")) === names) break;
          assert.ok(Date.now() < deadline, "writes wait again");
        }
        assert.equal((await pair.green.hostctl("check")).code, 0);
        assert.equal(await lost(pair.onBlue), 0);
      });

    it("carries on after its service was killed while green takes the writes", async () => {
      await pair.green.asRoot("systemctl kill -s KILL bascule-mover.service");
      await pause(2_000);
      await moveTo("blue");
      assert.equal(await lost(pair.onBlue), 0);
    });

    it("finishes or undoes the flip of an operator who was killed, within seconds", async () => {
      const script = "exec /usr/local/lib/bascule/mover/run flip --to green --who victim";
      await pair.green.hostctl("job start --name data", JSON.stringify({ script, user: "postgres" }));
      await pair.green.asRoot(
        `for _ in $(seq 400); do grep -q '"F2"' /var/lib/bascule/jobs/data/log && break; sleep 0.01; done
         systemctl kill -s KILL bascule-job-data.service || true`,
      );
      const before = load.acked.length;
      await pause(4_000);
      assert.ok(load.acked.length > before + 10, "writes go on");
      const { state, writer } = (await status()) as { state: string; writer: string };
      assert.ok(["current", "stale"].includes(state), state);
      assert.equal(await lost(writer === "blue" ? pair.onBlue : pair.onGreen), 0);
    });

    it("showed no client an error all the while, and the table of both sides is the same at the end", async () => {
      await load.stop();
      assert.deepEqual(load.errors, []);
      assert.ok(load.acked.length > 500, `${load.acked.length} confirmed`);
      const { writer } = (await status()) as { writer: string };
      const { code, events } = await pair.mover("recover");
      assert.equal(code, 0, JSON.stringify(events.slice(-2)));
      assert.equal(await lost(writer === "blue" ? pair.onBlue : pair.onGreen), 0);
    });

    it("is refused a second copy while green takes the writes", async () => {
      if ((await status()).writer === "blue") await moveTo("green");
      const { code, events } = await pair.mover("sync");
      assert.equal(code, 30);
      assert.match(JSON.stringify(events.at(-1)), /green takes the writes/);
    });

    it("gives the way back up when told so, and only then changes of the schema are let in", async () => {
      await assert.rejects(pair.onGreen("CREATE TABLE later (id int)"), /would be missing on the other side/);
      assert.equal((await pair.mover("commit")).code, 0);
      await pair.onGreen("CREATE TABLE later (id int)");
      await assert.rejects(pair.onBlue("INSERT INTO orders (token) VALUES ('too late')"), /is fenced/);
      if (keys) assert.equal(Object((await status()).keys).state, "none");
    });

    it("runs inside its sandbox", async () => {
      const world = { image, server: () => pair.green };
      for (const unit of ["bascule-mover.service", "pgbouncer.service", ...(keys ? ["bascule-relay.service"] : [])]) {
        const score = await exposure(world, unit);
        assert.ok(score <= 3, `${unit}: exposure ${score}`);
      }
    });
  });
}
