import assert from "node:assert/strict";
import { type Outcome, tamperWith, type Victim } from "../../bench/drift/run.ts";
import { tamperings } from "../../bench/drift/tamperings.ts";
import { parseCheck } from "../../provisioning/hostctl/answer.ts";
import { startServer, type TestServer } from "./server.ts";
import { watchedStack } from "./watched-stack.ts";
import { furnish } from "./whole-server.ts";

for (const image of ["debian-13", "debian-12"] as const) {
  describe(`drift of a whole server, on ${image}`, function () {
    this.timeout(600_000);
    let server: TestServer;
    let victim: Victim;

    before(async () => {
      server = await startServer({ image });
      await furnish(server, image);
      const { address: host, privateKey, hostKey, asRoot } = server;
      victim = { login: { host, user: "deploy", privateKey, hostKey }, asRoot };
    });
    after(() => server?.remove());

    it("finds none on a server that was just made, neither as root nor from the timer's sandbox", async () => {
      const { code, body } = await server.hostctl("check");
      assert.equal(code, 0, JSON.stringify(body));
      const services = parseCheck(JSON.stringify(body)).map(({ service }) => service);
      const metric = await server.asRoot(
        "systemctl start bascule-check.service; cat /var/lib/prometheus/node-exporter/bascule.prom",
      );
      const values = metric.match(/^config_drift\{.*$/gm) ?? [];
      assert.deepEqual(
        values.sort(),
        [...services, "check"].map((service) => `config_drift{service="${service}"} 0`).sort(),
      );
    });

    it("shows it in the engine's preview with refresh, repairs it by up, and is at rest then", async () => {
      const stack = await watchedStack(server);
      try {
        await stack.ok("up", "--yes", "--skip-preview");
        await stack.ok("preview", "--refresh", "--expect-no-changes");
        await server.asRoot("printf '# by hand\\n' >> /etc/nginx/nginx.conf; systemctl stop pgbouncer");
        const shown = await stack.ok("preview", "--refresh", "--diff");
        const drift = String.raw`"drift: file /etc/nginx/nginx\.conf content [0-9a-f]{16} => [0-9a-f]{16}"`;
        assert.match(shown, new RegExp(`nginx +: "ok [0-9a-f]{16}" => ${drift}`));
        assert.match(shown, new RegExp(`nginx +: ${drift} => "ok [0-9a-f]{16}"`));
        assert.match(shown, /pgbouncer *: "drift: .*unit pgbouncer\.service state active => not active/);
        assert.match(await stack.ok("up", "--yes", "--skip-preview", "--refresh"), /~ 1 updated/);
        assert.equal((await server.hostctl("check")).code, 0);
        await stack.ok("preview", "--refresh", "--expect-no-changes");
      } finally {
        await stack.discard();
      }
    });

    describe("everything somebody may do to it", () => {
      let outcomes: Outcome[];
      before(async () => {
        outcomes = await tamperWith(victim, tamperings(image), () => {});
      });

      it("is thirty things", () => assert(outcomes.length >= 30, `${outcomes.length} things`));

      for (const { name } of tamperings(image)) {
        it(`found and repaired: ${name}`, function () {
          const outcome = outcomes.find((one) => one.name === name);
          if (outcome === undefined) return this.skip();
          assert(outcome.found && outcome.repaired, outcome.said);
        });
      }
    });
  });
}
