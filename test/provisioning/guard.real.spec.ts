import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { type Bundle, sealBundle } from "../../provisioning/bundle.ts";
import { renderHostctl } from "../../provisioning/hostctl/render.ts";
import { startServer, type TestServer } from "./server.ts";

/** A change of sshd under guard. */
const door = (setting: string, guardSeconds: number): Bundle => ({
  service: "door",
  packages: [],
  files: [{ path: "/etc/ssh/sshd_config.d/01-door.conf", content: `${setting}\n` }],
  validate: [{ name: "sshd", argv: ["/usr/sbin/sshd", "-t", "-f", "{staged}/etc/ssh/sshd_config.d/01-door.conf"] }],
  units: [{ name: "ssh.service", onChange: "reload" }],
  probes: [{ name: "listens", argv: ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/22"], timeout: 5 }],
  guardSeconds,
});
const shut = "DenyUsers deploy";

for (const image of ["debian-13", "debian-12"] as const)
  describe(`lock-out guard, on ${image}`, function () {
    this.timeout(180_000);
    let server: TestServer;
    const confirm = (bundle: Bundle) => `confirm --service door --hash ${sealBundle(bundle).hash}`;
    const untilOpen = async () => {
      for (const end = Date.now() + 60_000; ; await sleep(500)) {
        try {
          return await server.hostctl("list");
        } catch (error) {
          if (Date.now() > end) throw error;
        }
      }
    };
    const lockOut = async (bundle: Bundle) => {
      const { code, body } = await server.apply(bundle);
      assert.deepEqual([code, body.result, body.confirm], [0, "changed", "needed"], JSON.stringify(body));
      await assert.rejects(server.hostctl("facts"), /exit code 255[\s\S]*Permission denied/);
    };
    const isOpenAgain = async () => {
      assert.doesNotMatch(JSON.stringify((await untilOpen()).body), /"service":"door","current":"/);
      assert.equal(await server.asRoot("ls /etc/ssh/sshd_config.d | grep door || true"), "");
    };

    before(async () => {
      server = await startServer({ image });
      const { code, body } = await server.apply(renderHostctl());
      assert.equal(code, 0, JSON.stringify(body));
    });

    after(() => server?.remove());

    it("takes a change back by itself that locks everybody out", async () => {
      await lockOut(door(shut, 15));
      await isOpenAgain();
    });

    it("takes it back at boot when the host goes down meanwhile", async () => {
      await lockOut(door(shut, 900));
      await server.restart();
      await isOpenAgain();
    });

    it("keeps what a new login confirms, and no console, and no connection from before", async () => {
      const bundle = door("LoginGraceTime 60", 20);
      const old = server.hostctl(
        `facts >/dev/null; touch /tmp/in; until [ -e /tmp/go ]; do sleep 0.1; done; sudo /usr/local/sbin/hostctl ${confirm(bundle)}`,
      );
      await server.asRoot("until [ -e /tmp/in ]; do sleep 0.1; done");
      assert.equal((await server.apply(bundle)).body.confirm, "needed");
      assert.match(await server.asRoot(`hostctl ${confirm(bundle)} || true`), /does not come from an SSH login/);
      await server.asRoot("touch /tmp/go");
      assert.match(String((await old).body.reason), /older than the change/);
      const again = await server.apply(bundle);
      assert.deepEqual([again.body.result, again.body.confirm], ["unchanged", "needed"], JSON.stringify(again.body));
      assert.deepEqual((await server.hostctl(confirm(bundle))).body.result, "confirmed");
      assert.deepEqual((await server.hostctl(confirm(bundle))).body.result, "unchanged");
      await sleep(21_000);
      assert.equal((await server.hostctl("check")).body.clean, true);
      assert.match(await server.asRoot("cat /etc/ssh/sshd_config.d/01-door.conf"), /LoginGraceTime 60/);
    });
  });
