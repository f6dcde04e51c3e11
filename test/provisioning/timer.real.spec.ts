import assert from "node:assert/strict";
import { renderHostctl } from "../../provisioning/hostctl/render.ts";
import { startServer, type TestServer } from "./server.ts";

const metrics = "/var/lib/prometheus/node-exporter/bascule.prom";

for (const image of ["debian-13", "debian-12"] as const) {
  describe(`the host looks at itself, on ${image}`, function () {
    this.timeout(180_000);
    let server: TestServer;
    /** The values of a run of the unit, sandbox included, by the metric's name and its service. */
    const looked = async (): Promise<Map<string, number>> => {
      await server.asRoot("systemctl start bascule-check.service || true");
      const text = await server.asRoot(`cat ${metrics}`);
      return new Map(
        text
          .split("\n")
          .filter((line) => line !== "" && !line.startsWith("#"))
          .map((line) => {
            const [name = "", value] = line.split(" ");
            return [name, Number(value)];
          }),
      );
    };

    before(async () => {
      server = await startServer({ image });
      assert.equal((await server.apply(renderHostctl())).code, 0);
    });
    after(() => server?.remove());

    it("every quarter of an hour, at a time of its own, and makes up for what it slept through", async () => {
      const timer = await server.asRoot(
        "systemctl show -p ActiveState,UnitFileState,TimersCalendar,RandomizedDelayUSec,Persistent bascule-check.timer",
      );
      for (const line of [
        "ActiveState=active",
        "UnitFileState=enabled",
        "Persistent=yes",
        "RandomizedDelayUSec=3min",
      ]) {
        assert(timer.includes(line), timer);
      }
      assert.match(timer, /OnCalendar=\*-\*-\* \*:00\/15:00/);
    });

    it("counts no difference where there is none, for the collector to read", async () => {
      const values = await looked();
      assert.equal(values.get('config_drift{service="hostctl"}'), 0);
      assert.equal(values.get('config_drift{service="check"}'), 0);
      const age = Date.now() / 1000 - (values.get("config_drift_last_run_timestamp_seconds") ?? 0);
      assert(age < 60, `written ${age} s ago`);
      assert.equal(await server.asRoot(`stat -c %a ${metrics}; ls -A $(dirname ${metrics})`), "644\nbascule.prom");
    });

    it("counts what differs", async () => {
      await server.asRoot("chmod 0700 /usr/local/lib/bascule/hostctl/report-drift");
      assert.equal((await looked()).get('config_drift{service="hostctl"}'), 1);
      await server.hostctl("repair");
      assert.equal((await looked()).get('config_drift{service="hostctl"}'), 0);
    });

    it("a look that failed is a difference, not silence", async () => {
      await server.asRoot("mv /var/lib/bascule /var/lib/away");
      const values = await looked();
      await server.asRoot("rm -rf /var/lib/bascule; mv /var/lib/away /var/lib/bascule");
      assert.equal(values.get('config_drift{service="check"}'), 1);
      assert.equal(values.get('config_drift{service="hostctl"}'), undefined);
      assert.equal(await server.asRoot("systemctl is-failed bascule-check.service || true"), "failed");
      assert.match(await server.asRoot("journalctl -u bascule-check -o cat"), /knows of no service/);
      assert.equal((await looked()).get('config_drift{service="check"}'), 0);
    });

    it("from a sandbox", async () => {
      const shown = await server.asRoot("systemd-analyze security --no-pager bascule-check.service | tail -1");
      const exposure = Number(/level for bascule-check.service: ([\d.]+)/.exec(shown)?.[1]);
      assert(exposure <= 3, shown);
    });
  });
}
