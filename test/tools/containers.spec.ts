import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { isDebianLike } from "../../tools/apt.ts";
import { isAlive } from "../../tools/cache.ts";
import { ensureClients, ensureContainers, stopContainers } from "../../tools/containers.ts";
import { dockerdFiles, ownDockerd, startDockerd } from "../../tools/dockerd.ts";
import { ensureImages } from "../../tools/images.ts";
import { createSandbox, type Sandbox } from "./support.ts";

describe("tools: containers and clients", () => {
  let sandbox: Sandbox;
  beforeEach(async () => {
    sandbox = await createSandbox();
  });
  afterEach(() => sandbox.close());

  describe("a Docker engine that somebody chose", () => {
    it("is used when it answers", async () => {
      const engine = await serveEngine(sandbox, []);
      try {
        assert.deepEqual(await ensureContainers(sandbox.report), { socket: process.env.DOCKER_HOST, started: false });
        assert.deepEqual(sandbox.lines, []);
      } finally {
        engine.close();
      }
    });

    for (const host of ["tcp://127.0.0.1:1", "unix:///nowhere/docker.sock"]) {
      it(`is named when it does not answer (${host})`, async () => {
        process.env.DOCKER_HOST = host;
        await assert.rejects(ensureContainers(sandbox.report), (error: Error) => {
          assert.ok(error.message.startsWith(`DOCKER_HOST is ${host}, and no Docker engine answers there (connect E`));
          assert.ok(error.message.endsWith("Start that engine, or use this machine's: unset DOCKER_HOST"));
          return true;
        });
        assert.deepEqual(sandbox.lines, [], "nothing is installed or started instead");
      });
    }

    it("is asked for before images are looked for", async () => {
      process.env.DOCKER_HOST = "tcp://127.0.0.1:1";
      await assert.rejects(ensureImages(["debian-13"], sandbox.report), {
        message: /^DOCKER_HOST is tcp:\/\/127\.0\.0\.1:1/,
      });
    });
  });

  describe("no Docker engine", () => {
    it("is one sentence with the commands where none may be installed", async () => {
      const machine = { ...bareMachine(), socket: "/nowhere/docker.sock", mayInstall: async () => false };
      await assert.rejects(ensureContainers(sandbox.report, machine), {
        name: "ToolError",
        message:
          "no Docker engine answers at /nowhere/docker.sock (connect ENOENT /nowhere/docker.sock). " +
          "Start it: sudo systemctl start docker. If there is none yet: sudo apt-get install docker.io",
      });
    });

    it("is installed and started where that is allowed, saying so first, and stopped again", async () => {
      const engine = join(sandbox.directory, "engine.mjs");
      await writeFile(engine, ENGINE);
      const script = `exec '${process.execPath}' '${engine}' '${bareMachine().socket}' "$@"`;
      const dockerd = join(sandbox.directory, "sbin", "dockerd");
      await sandbox.executable("dockerd.package", script, "sbin");
      await sandbox.executable("apt-get", `cp '${dockerd}.package' '${dockerd}'`);
      await sandbox.executable("cgroupfs-mount", "exit 0");
      process.env.PATH = `${join(sandbox.directory, "bin")}:/bin`;
      const socket = `unix://${bareMachine().socket}`;
      assert.deepEqual(await ensureContainers(sandbox.report, bareMachine()), { socket, started: true });
      assert.match(
        sandbox.lines[0] ?? "",
        /^no Docker engine here: installing the package docker\.io and starting dockerd$/,
      );
      assert.match(sandbox.lines[1] ?? "", /^installing docker\.io.* \(apt-get\)$/);
      assert.equal(sandbox.lines[2], "starting a Docker engine (dockerd); 'npm run stop' ends it");
      assert.deepEqual(await ensureContainers(sandbox.report, bareMachine()), { socket, started: false });
      process.env.DOCKER_HOST = socket;
      assert.equal(await stopContainers(sandbox.report), true);
    });

    it("is said when the package brings no dockerd", async () => {
      await sandbox.executable("apt-get", "exit 0");
      process.env.PATH = `${join(sandbox.directory, "bin")}:/bin`;
      await assert.rejects(ensureContainers(sandbox.report, bareMachine()), {
        message: "docker.io is installed, but there is no dockerd on PATH. Look for it: dpkg -L docker.io",
      });
    });

    it("is said when the service does not start", async () => {
      await sandbox.executable("dockerd", "exit 1");
      await sandbox.executable("systemctl", "echo 'Unit docker.service is masked.'; exit 1");
      process.env.PATH = `${join(sandbox.directory, "bin")}:/bin`;
      await assert.rejects(ensureContainers(sandbox.report, { ...bareMachine(), systemd: true }), {
        message: "the Docker service does not start: Unit docker.service is masked. Look: journalctl -u docker -n 50",
      });
    });

    function bareMachine() {
      const socket = join(sandbox.directory, "docker.sock");
      return { socket, mayInstall: async () => true, folders: [join(sandbox.directory, "sbin")], systemd: false };
    }
  });

  describe("a dockerd of ours", () => {
    /** Does as dockerd does with its pid file. */
    const SCRIPT = 'echo $$ > "$2"; trap "exit 0" TERM; while :; do sleep 0.1; done';
    let stranger: ChildProcess | undefined;
    afterEach(async () => {
      stranger?.kill("SIGKILL");
      const pid = await ownDockerd();
      if (pid) {
        process.kill(pid, "SIGKILL");
      }
    });

    it("is started apart from this process, and found again by its pid file", async () => {
      const pid = await start();
      assert.equal(Number(readFileSync((await dockerdFiles()).pid, "utf8")), pid);
      assert.ok(isAlive(pid));
    });

    it("is stopped when nothing runs on it", async () => {
      const pid = await start();
      const engine = await serveEngine(sandbox, []);
      try {
        assert.equal(await stopContainers(sandbox.report), true);
        assert.equal(isAlive(pid), false);
        assert.equal(existsSync((await dockerdFiles()).pid), false);
        assert.equal(await stopContainers(sandbox.report), false, "a second stop finds nothing");
      } finally {
        engine.close();
      }
    });

    it("goes on while somebody's container runs on it", async () => {
      const pid = await start();
      const engine = await serveEngine(sandbox, [{ Names: ["/somebodys"] }]);
      try {
        assert.equal(await stopContainers(sandbox.report), false);
        assert.ok(isAlive(pid));
        assert.deepEqual(sandbox.lines, [`dockerd (process ${pid}) goes on: still running on it: somebodys`]);
      } finally {
        engine.close();
      }
    });

    it("is not confused with another process that got its id", async () => {
      stranger = spawn("sleep", ["60"]);
      const files = await dockerdFiles();
      await writeFile(files.pid, String(stranger.pid));
      assert.equal(await stopContainers(sandbox.report), false);
      assert.equal(stranger.exitCode, null);
      assert.equal(stranger.signalCode, null);
    });

    for (const content of ["", "0", "1", "-1", "x", "999999999"]) {
      it(`a pid file with ${JSON.stringify(content)} stops nothing`, async () => {
        await writeFile((await dockerdFiles()).pid, content);
        assert.equal(await stopContainers(sandbox.report), false);
      });
    }

    it("says why it did not come up, and where its log is", async () => {
      const binary = await sandbox.executable(
        "dockerd",
        'echo "level=info starting"; echo "no space left" >&2; exit 1',
      );
      const { log } = await dockerdFiles();
      await assert.rejects(
        startDockerd(binary, async () => false),
        { message: `dockerd did not come up: no space left. Read its log: less ${log}` },
      );
    });

    async function start(): Promise<number> {
      const binary = await sandbox.executable("dockerd", SCRIPT);
      await startDockerd(binary, async () => (await ownDockerd()) !== undefined);
      const pid = await ownDockerd();
      assert.ok(pid);
      return pid;
    }
  });

  describe("client programs", () => {
    it("says nothing when all are there", async () => {
      for (const name of ["ssh", "ssh-keygen", "openssl", "git"]) {
        await sandbox.executable(name, "exit 0");
      }
      process.env.PATH = join(sandbox.directory, "bin");
      await ensureClients(sandbox.report);
      assert.deepEqual(sandbox.lines, []);
    });

    it("names what is missing and how to install it where it may not", async () => {
      await sandbox.executable("git", "exit 0");
      process.env.PATH = join(sandbox.directory, "bin");
      await assert.rejects(
        ensureClients(sandbox.report, async () => false),
        {
          message:
            "not found on PATH: ssh, ssh-keygen, openssl. Install with: sudo apt-get install openssh-client openssl",
        },
      );
    });

    it("installs what is missing where it may, saying so first, and reads the package lists only when needed", async () => {
      const bin = join(sandbox.directory, "bin");
      // Knows no package until its lists were updated once.
      await sandbox.executable(
        "apt-get",
        `echo "$*" >> ${bin}/calls
case "$*" in *update) : > ${bin}/updated; exit 0;; esac
[ -e ${bin}/updated ] || { echo "E: Unable to locate package"; exit 100; }
for name in ssh ssh-keygen openssl git; do /bin/cp ${bin}/apt-get ${bin}/$name; done`,
      );
      process.env.PATH = bin;
      await ensureClients(sandbox.report, async () => true);
      assert.deepEqual(sandbox.lines.slice(0, 2), [
        "not found on PATH: ssh, ssh-keygen, openssl, git",
        "installing openssh-client openssl git (apt-get)",
      ]);
      const verbs = readFileSync(join(bin, "calls"), "utf8").match(/ (install|update)\b/g);
      assert.deepEqual(verbs, [" install", " update", " install"]);
    });

    it("passes on what apt says when it cannot install", async () => {
      await sandbox.executable("apt-get", 'echo "E: Unable to locate package git"; exit 100');
      process.env.PATH = join(sandbox.directory, "bin");
      await assert.rejects(
        ensureClients(sandbox.report, async () => true),
        {
          message:
            /^apt-get could not install .*: Unable to locate package git\. Try: apt-get update && apt-get install /,
        },
      );
    });
  });

  describe("who can install packages", () => {
    const table: [string, boolean][] = [
      ['ID=debian\nVERSION_ID="12"', true],
      ["NAME=Ubuntu\nID=ubuntu\nID_LIKE=debian", true],
      ['ID=linuxmint\nID_LIKE="ubuntu debian"', true],
      ['ID="fedora"', false],
      ['ID=alpine\nHOME_URL="https://debian"', false],
      ["", false],
    ];
    for (const [text, expected] of table) {
      it(`${JSON.stringify(text)}: ${expected}`, () => assert.equal(isDebianLike(text), expected));
    }
  });
});

/** A dockerd with as much of Docker's API as is asked for here: socket, then dockerd's own arguments. */
const ENGINE = `
import { createServer } from "node:http";
import { writeFileSync } from "node:fs";
const [socket, , pidFile] = process.argv.slice(2);
writeFileSync(pidFile, String(process.pid));
createServer((request, response) => response.end(request.url.includes("json") ? "[]" : "OK")).listen(socket);
process.on("SIGTERM", () => process.exit(0));
`;

/** An engine with as much of Docker's API as is asked for here; `DOCKER_HOST` points at it. */
async function serveEngine(sandbox: Sandbox, containers: unknown[]): Promise<Server> {
  await mkdir(join(sandbox.directory, "run"), { recursive: true });
  const socket = join(sandbox.directory, "run", "docker.sock");
  const server = createServer((request, response) => {
    const listing = request.url?.startsWith("/containers/json");
    response.setHeader("content-type", listing ? "application/json" : "text/plain");
    response.end(listing ? JSON.stringify(containers) : "OK");
  });
  server.listen(socket);
  await once(server, "listening");
  process.env.DOCKER_HOST = `unix://${socket}`;
  return server;
}
