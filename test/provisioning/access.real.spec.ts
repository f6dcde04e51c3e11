import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { renderAccess } from "../../provisioning/access/render.ts";
import type { Bundle } from "../../provisioning/bundle.ts";
import { renderHostctl } from "../../provisioning/hostctl/render.ts";
import { ensurePythonTool } from "../../tools/python.ts";
import { startServer, type TestServer } from "./server.ts";

const images = ["debian-13", "debian-12"] as const;
const fragment = "/etc/ssh/sshd_config.d/00-bascule.conf";

/** Something done by hand, what tells of it, and the way back where an apply cannot know it. */
const tamperings: [what: string, how: string, told: RegExp, back?: string][] = [
  [
    "a key in the home directory",
    "mkdir -p ~deploy/.ssh; echo ssh-ed25519 AAAA >~deploy/.ssh/authorized_keys",
    /deploy\/.ssh\/authorized_keys/,
  ],
  ["a key for root", "mkdir -p /root/.ssh; echo ssh-ed25519 AAAA >/root/.ssh/authorized_keys", /\/root\/.ssh/],
  ["one more key", "echo ssh-ed25519 AAAA >>/etc/ssh/authorized_keys/deploy", /authorized_keys\/deploy/],
  ["an account's keys", "echo ssh-ed25519 AAAA >/etc/ssh/authorized_keys/root", /authorized_keys\/root/],
  ["a file of sshd's", "echo 'PermitRootLogin yes' >/etc/ssh/sshd_config.d/000.conf", /sshd_config.d\/000.conf/],
  ["a file of sudo's", "echo 'deploy ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/zz", /sudoers.d\/zz/],
  ["a copy of user data", "echo secret >/var/lib/cloud/instance/user-data.txt", /user-data.txt/],
  [
    "a line in sshd's own file",
    "cp /etc/ssh/sshd_config /root/saved; echo 'AllowUsers mallory' >>/etc/ssh/sshd_config",
    /allowusers mallory/,
    "cp /root/saved /etc/ssh/sshd_config",
  ],
  [
    "a line in sudo's own file",
    "cp -p /etc/sudoers /root/saved; echo 'deploy ALL=(ALL) NOPASSWD: /bin/sh' >>/etc/sudoers",
    /deploy may run: .*\/bin\/sh/,
    "cp -p /root/saved /etc/sudoers",
  ],
  [
    "an sshd that runs with another file than there is",
    `cp -p ${fragment} /root/saved; sed -i 's/^MACs .*/MACs hmac-sha1/' ${fragment}; systemctl reload ssh; sleep 1; cp -p /root/saved ${fragment}`,
    /the running sshd offers the MACs hmac-sha1/,
  ],
];

/** The bundle with one file's text changed. */
function altered(bundle: Bundle, path: string, from: RegExp, to: string): Bundle {
  const files = bundle.files.map((file) =>
    file.path === path ? { ...file, content: file.content.replace(from, to) } : file,
  );
  return { ...bundle, files };
}

describe("access: who comes in", function () {
  this.timeout(300_000);

  for (const image of images) {
    describe(image, () => {
      let server: TestServer;
      let bundle: Bundle;
      let folder: string;
      const login = () => [
        "-F",
        "none",
        "-i",
        join(folder, "key"),
        "-o",
        `UserKnownHostsFile=${join(folder, "known_hosts")}`,
      ];
      const ssh = (user: string, options: string[], ...words: string[]) =>
        execa(
          "ssh",
          [
            ...login(),
            ...["BatchMode=yes", "ConnectTimeout=5", "IdentitiesOnly=yes", ...options].flatMap((option) => [
              "-o",
              option,
            ]),
            `${user}@${server.address}`,
            ...words,
          ],
          { reject: false, input: "" },
        );
      const confirm = (text: Record<string, unknown>) => server.hostctl(`confirm --service access --hash ${text.hash}`);
      const check = async () => JSON.stringify((await server.hostctl("check --service access")).body);
      const settled = async () => {
        const { code, body } = await server.apply(bundle);
        assert.equal(code, 0, JSON.stringify(body));
        await confirm(body);
        assert.match(await check(), /"clean": ?true/);
      };
      /** What the host knows of the release that runs, past SSH. */
      const pending = async () => (await server.asRoot("hostctl list")).includes('"confirm": "needed"');

      before(async () => {
        folder = mkdtempSync(join(tmpdir(), "bascule-access-"));
        server = await startServer({ image });
        writeFileSync(join(folder, "key"), server.privateKey, { mode: 0o600 });
        writeFileSync(join(folder, "known_hosts"), `${server.address} ${server.hostKey}\n`);
        const keys = (await server.asRoot("cat /home/deploy/.ssh/authorized_keys")).trim().split("\n");
        bundle = renderAccess({ image, user: "deploy", authorizedKeys: keys, forwardPorts: [5432] });
        assert.equal((await server.apply(renderHostctl())).code, 0);
      });

      after(async () => {
        await server?.remove();
        rmSync(folder, { recursive: true, force: true });
      });

      it("comes back from a first change that lets nobody in", async () => {
        const locked = altered(bundle, fragment, /^AllowUsers .*/m, "AllowUsers nobody");
        const wrong = altered(locked, "/etc/bascule/access/sshd-effective", /^allowusers .*/m, "allowusers nobody");
        const { code, body } = await server.apply({ ...wrong, guardSeconds: 10 });
        assert.deepEqual([code, body.confirm], [0, "needed"], JSON.stringify(body));
        assert.match((await ssh("deploy", [], "true")).stderr, /Permission denied/);
        const end = Date.now() + 60_000;
        while ((await pending()) && Date.now() < end) await sleep(1000);
        // sshd may hold the refused login against this address for a while.
        while ((await ssh("deploy", [], "true")).exitCode !== 0 && Date.now() < end) await sleep(2000);
        assert.equal((await ssh("deploy", [], "sudo hostctl list")).exitCode, 0);
        assert.match(await server.asRoot(`cat ${fragment} /etc/sudoers.d/90-cloud-init-users`), /AllowUsers deploy/);
      });

      it("goes from the first login to the hardened one, confirmed by a new login", settled);

      it("refuses what sshd or sudo cannot read, and keeps what there is", async () => {
        for (const broken of [
          altered(bundle, fragment, /^AllowUsers .*/m, "AllowedUsers deploy"),
          altered(bundle, "/etc/sudoers.d/bascule", /NOPASSWD/, "NOPASSWORD"),
        ]) {
          const { code, body } = await server.apply(broken);
          assert.deepEqual([code, body.step], [30, "validate"], JSON.stringify(body));
        }
        assert.match(await check(), /"clean": ?true/);
      });

      it("lets in by the key of the settings and by nothing else, and only to hostctl", async () => {
        assert.match((await ssh("root", [], "true")).stderr, /Permission denied \(publickey\)/);
        assert.match(
          (await ssh("deploy", ["PubkeyAuthentication=no"], "true")).stderr,
          /Permission denied \(publickey\)/,
        );
        assert.notEqual((await ssh("deploy", [], "sudo -n id")).exitCode, 0);
        assert.equal(await server.asRoot("ls /home/deploy/.ssh/authorized_keys 2>/dev/null || true"), "");
      });

      it("says before a login whom it is for, and not which system it is", async () => {
        const { stderr } = await ssh("deploy", [], "true");
        assert.match(stderr, /private system[\s\S]*authorised/);
        assert.doesNotMatch(stderr + (await server.asRoot("cat /etc/issue /etc/issue.net")), /debian/i);
      });

      it("talks to Go's SSH, whose lists are shorter, and not to what is weak", async () => {
        const go = [
          "KexAlgorithms=curve25519-sha256",
          "Ciphers=aes128-gcm@openssh.com",
          "MACs=hmac-sha2-256-etm@openssh.com",
        ];
        assert.equal((await ssh("deploy", go, "true")).exitCode, 0);
        assert.match(
          (await ssh("deploy", ["KexAlgorithms=ecdh-sha2-nistp256"], "true")).stderr,
          /no matching key exchange/,
        );
      });

      it("forwards to the database only, and takes files by SFTP", async () => {
        const through = async (port: number) => {
          const words = [...login(), "-o", "BatchMode=yes", "-W", `127.0.0.1:${port}`, `deploy@${server.address}`];
          return (await execa("ssh", words, { reject: false, input: "" })).stderr;
        };
        assert.match(await through(22), /administratively prohibited/);
        assert.match(await through(5432), /Connection refused/);
        const { exitCode } = await execa("sftp", [...login(), "-b", "-", `deploy@${server.address}`], {
          input: `put ${folder}/known_hosts /tmp/x\n`,
          reject: false,
        });
        assert.equal(exitCode, 0);
      });

      for (const [what, how, told, back] of tamperings) {
        it(`tells of ${what}`, async () => {
          await server.asRoot(how);
          assert.match(await check(), told);
          if (back) await server.asRoot(back);
          await settled();
        });
      }

      it("takes from sshd what its logins do not need", async () => {
        const score = await server.asRoot("systemd-analyze security --no-pager ssh.service | tail -1");
        assert.ok(Number(/level for \S+: ([\d.]+)/.exec(score)?.[1]) <= 8, score);
      });

      it("has no fail in ssh-audit", async () => {
        const bin = await ensurePythonTool("ssh-audit", () => undefined);
        // 2: warnings, of the key exchange that Go needs; 3 would be a fail.
        const { exitCode, stdout } = await execa(
          join(bin, "ssh-audit"),
          ["--skip-rate-test", "-n", "-b", server.address],
          { reject: false },
        );
        assert.doesNotMatch(stdout, /\[fail\]/);
        assert.ok(exitCode === 0 || exitCode === 2, `${exitCode}\n${stdout}`);
        assert.match(stdout, /\(kex\) curve25519-sha256/);
      });
    });
  }
});
