import assert from "node:assert/strict";
import { renderBase } from "../../provisioning/base/render.ts";
import { startServer, type TestServer } from "./server.ts";
import { base } from "./specs.ts";

const images = ["debian-13", "debian-12"] as const;

/** Something done by hand, the probe or folder that tells of it, and the way back. */
const tamperings: [what: string, how: string, told: RegExp, back: string][] = [
  ["an account", "useradd -m mallory", /account mallory .* belongs to nobody/, "userdel -r mallory 2>/dev/null"],
  [
    "a second root",
    "useradd -o -u 0 -s /usr/sbin/nologin toor",
    /account toor/,
    "userdel -f toor 2>/dev/null || sed -i /^toor/d /etc/passwd /etc/shadow",
  ],
  ["a password for root", "echo root:guess | chpasswd", /have a password.*root/, "usermod -p '!' root"],
  [
    "a shell for a service",
    "usermod -s /bin/bash www-data",
    /account www-data/,
    "usermod -s /usr/sbin/nologin www-data",
  ],
  [
    "a group as good as root",
    "usermod -aG shadow deploy",
    /as good as root: shadow=deploy/,
    "gpasswd -d deploy shadow",
  ],
  [
    "updates of everything",
    `echo 'Unattended-Upgrade::Origins-Pattern { "origin=*"; };' >/etc/apt/apt.conf.d/99all`,
    /what updates by themselves/i,
    "rm /etc/apt/apt.conf.d/99all",
  ],
  [
    "a journal without a limit",
    "mkdir -p /etc/systemd/journald.conf.d; printf '[Journal]\\nSystemMaxUse=99G\\n' >/etc/systemd/journald.conf.d/zz.conf",
    /SystemMaxUse is '99G'/,
    "rm /etc/systemd/journald.conf.d/zz.conf",
  ],
  [
    "a job of cron",
    "mkdir -p /etc/cron.d; echo '* * * * * root true' >/etc/cron.d/miner",
    /\/etc\/cron.d\/miner/,
    "rm /etc/cron.d/miner",
  ],
];

describe("base: what every server is", function () {
  this.timeout(300_000);

  for (const image of images) {
    describe(image, () => {
      let server: TestServer;
      const bundle = renderBase({ ...base, image, packages: [] });
      const check = async () => JSON.stringify((await server.hostctl("check --service base")).body);

      before(async () => {
        server = await startServer({ image });
      });

      after(() => server?.remove());

      it("is refused by another system", async () => {
        const other = image === "debian-13" ? "debian-12" : "debian-13";
        const { code, body } = await server.apply(renderBase({ ...base, image: other, packages: [] }));
        assert.equal(code, 40, JSON.stringify(body));
      });

      it("is applied, and finds nothing to do a second time, though kernel, swap and clock are not a container's", async () => {
        const first = await server.apply(bundle);
        assert.deepEqual([first.code, first.body.result], [0, "changed"], JSON.stringify(first.body));
        const second = await server.apply(bundle);
        assert.deepEqual([second.code, second.body.result], [0, "unchanged"], JSON.stringify(second.body));
      });

      it("installs security updates by itself and nothing else, and leaves the data services alone", async () => {
        const said = await server.asRoot(
          `python3 -c 'import apt_pkg; apt_pkg.init(); c = apt_pkg.config; k = "Unattended-Upgrade::"; print([c.value_list(k + name) for name in ("Origins-Pattern", "Allowed-Origins", "Package-Blacklist")], c.find(k + "Automatic-Reboot"))'`,
        );
        assert.match(
          said,
          /^\[\['origin=Debian,codename=\$\{distro_codename\}-security,label=Debian-Security'\], \[\], \[.*'\^postgresql-'.*\]\] false$/,
        );
      });

      it("lists what should be restarted and restarts nothing", async () => {
        const script = `perl -e 'our %nrconf; for (glob "/etc/needrestart/conf.d/*.conf") { do $_ } print $nrconf{restart}'`;
        assert.equal(await server.asRoot(script), "l");
      });

      for (const [what, how, told, back] of tamperings) {
        it(`tells of ${what}`, async () => {
          await server.asRoot(how);
          assert.match(await check(), told);
          await server.asRoot(back);
          assert.match(await check(), /"clean": ?true/);
        });
      }

      it("gives logins and their shells strict defaults, and scripts no time limit", async () => {
        const said = await server.asRoot(`runuser -l deploy -c 'umask; echo "$TMOUT"; env | grep -c TMOUT || true'`);
        assert.equal(said, "0027\n1800\n0");
        // One made from now on ages; the one that deploys must never be asked for a new password.
        assert.match(await server.asRoot("chage -l deploy"), /Password expires\s*: never/);
      });

      it("tells once a day of a package's file that is not as it came, from inside a sandbox", async () => {
        const look = async () => {
          const [state] = (
            await server.asRoot("systemctl start bascule-packages.service && echo ok || echo failed")
          ).split("\n");
          return `${state} ${await server.asRoot("grep -v ^# /var/lib/prometheus/node-exporter/packages.prom")}`;
        };
        assert.equal(await look(), "ok packages_changed_files 0");
        await server.asRoot("cp -p /usr/sbin/needrestart /root/saved; echo '# ours now' >>/usr/sbin/needrestart");
        assert.equal(await look(), "failed packages_changed_files 1");
        assert.match(await server.asRoot("journalctl -u bascule-packages.service -o cat"), /\/usr\/sbin\/needrestart/);
        await server.asRoot("mv /root/saved /usr/sbin/needrestart");
        assert.equal(await look(), "ok packages_changed_files 0");
        assert.equal(await server.asRoot("systemctl is-active bascule-packages.timer"), "active");
        const score = await server.asRoot("systemd-analyze security --no-pager bascule-packages.service | tail -n 1");
        assert.ok(Number(/: ([\d.]+) /.exec(score)?.[1]) <= 3, score);
      });

      it("moves a job of cron out of the way", async () => {
        await server.asRoot("mkdir -p /etc/cron.d; echo '* * * * * root true' >/etc/cron.d/miner");
        const { code, body } = await server.apply(bundle);
        assert.equal(code, 0, JSON.stringify(body));
        assert.equal(await server.asRoot("ls /etc/cron.d | grep miner || true"), "");
      });
    });
  }
});
