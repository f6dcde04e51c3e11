import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { renderFail2ban } from "../../provisioning/fail2ban/render.ts";
import { renderFirewall } from "../../provisioning/firewall/render.ts";
import { openings } from "../../provisioning/firewall/rules.ts";
import { startServer, type TestServer } from "./server.ts";
import { admission } from "./specs.ts";

const images = ["debian-13", "debian-12"] as const;

/** Tries until it holds: what is logged is read a moment later. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + 30_000;
  while (!(await holds())) {
    assert.ok(Date.now() < end, "not within 30 s");
    await sleep(250);
  }
}

describe("fail2ban", function () {
  this.timeout(120_000);
  let neighbour: TestServer;

  before(async () => {
    neighbour = await startServer({ id: 2 });
  });

  after(() => neighbour?.remove());

  for (const image of images) {
    describe(image, () => {
      let server: TestServer;
      const operator = () => server.address.replace(/\d+$/, (last) => `${Number(last) - 1}/32`);
      const spare = async (spared: string[], nginx = false) => {
        const { code, body } = await server.apply(renderFail2ban({ image, spared, nginx }));
        assert.equal(code, 0, JSON.stringify(body));
        return JSON.stringify(body);
      };
      // A ban in the middle of a login leaves the guesser hanging.
      const guess = (times: number) =>
        neighbour.asRoot(
          `for _ in $(seq ${times}); do timeout 8 ssh -o BatchMode=yes -o ConnectTimeout=5 -o StrictHostKeyChecking=no ` +
            `-o UserKnownHostsFile=/dev/null admin@${server.address} true 2>/dev/null || true; done`,
        );
      const banned = async (jail: string) => {
        const listed = await server.asRoot(`fail2ban-client get ${jail} banip`);
        return listed.split(/\s+/).includes(neighbour.address);
      };
      const filtered = () => server.asRoot("nft list table inet f2b-table 2>&1 || true");
      const probe = () => server.asRoot("/usr/local/lib/bascule/fail2ban/probe /etc/bascule/fail2ban/jails.json");

      before(async () => {
        server = await startServer({ image });
        // It has a patience of its own with addresses that fail, which would hide who was the one to shut the door.
        // A restart is waited for until somebody listens; a reload is not, and for a moment nobody does.
        const ownPatience = "echo 'PerSourcePenalties no' >/etc/ssh/sshd_config.d/99-test.conf; systemctl restart ssh";
        if (image === "debian-13") await server.asRoot(ownPatience);
      });

      after(() => server?.remove());

      it("never bans an operator, however often he fails", async () => {
        await spare([operator(), `${neighbour.address}/32`]);
        await guess(8);
        const ignored = `journalctl -u fail2ban.service -o cat | grep -c 'Ignore ${neighbour.address}' || true`;
        await until(async () => Number(await server.asRoot(ignored)) >= 8);
        assert.equal(await banned("sshd"), false);
      });

      it("bans who guesses logins, and leaves the operator in", async () => {
        await spare([operator()]);
        await guess(6);
        await until(() => banned("sshd"));
        await until(async () => (await filtered()).includes(neighbour.address));
        const attempt = neighbour.asRoot(`timeout 5 bash -c '</dev/tcp/${server.address}/22'`);
        await assert.rejects(attempt, /refused/i);
        assert.equal((await server.hostctl("facts")).code, 0);
        await probe();
      });

      it("keeps its bans over a reload and a restart, and when the packet filter's rules are loaded anew", async () => {
        const filter = renderFirewall({ image, openings: openings({ ...admission, adminCidrs: [operator()] }) });
        const { code, body } = await server.apply({ ...filter, guardSeconds: undefined });
        assert.equal(code, 0, JSON.stringify(body));
        for (const act of ["reload bascule-firewall", "reload fail2ban", "restart fail2ban"]) {
          await server.asRoot(`systemctl ${act}.service`);
          await until(async () => (await filtered()).includes(neighbour.address));
        }
      });

      it("notices bans that were flushed from the packet filter, and a restart brings them back", async () => {
        await server.asRoot("nft delete table inet f2b-table");
        await assert.rejects(probe(), /banned, but not in the packet filter/);
        await server.asRoot("systemctl restart fail2ban.service");
        await until(async () => (await filtered()).includes(neighbour.address));
        await probe();
      });

      it("notices a limit changed while it runs", async () => {
        await server.asRoot("fail2ban-client set sshd maxretry 1000");
        await assert.rejects(probe(), /maxretry is 1000, not 4/);
      });

      it("bans for a while who floods Nginx, but no proxy that others come through", async () => {
        await server.asRoot(
          "fail2ban-client unban --all; mkdir -p /var/log/nginx; " +
            // As the package makes it: not root's.
            "install -o www-data -g adm -m 640 /dev/null /var/log/nginx/access.log",
        );
        const flood = (client: string) =>
          `for _ in $(seq 400); do echo '{"time":"'$(date --iso-8601=seconds)'","id":"7","remote":"${client}","peer":"${client}",` +
          `"host":"shop.example.org","method":"GET","path":"/","status":"429","bytes":"0"}' >>/var/log/nginx/access.log; done`;
        await spare([operator()], true);
        await server.asRoot(`${flood(neighbour.address)}; ${flood("173.245.48.9")}`);
        await until(() => banned("nginx-flood"));
        const listed = await server.asRoot("fail2ban-client get nginx-flood banip");
        assert.doesNotMatch(listed, /173\.245/);
        assert.match(await filtered(), /dport \{ 80, 443 \}/);
      });

      it("runs sandboxed", async () => {
        const score = await server.asRoot("systemd-analyze security --no-pager fail2ban.service | tail -1");
        assert.ok(Number(/level for \S+: ([\d.]+)/.exec(score)?.[1]) <= 3, score);
      });
    });
  }
});
