import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { checksumOf } from "../../tools/engine/download.ts";
import { ENGINE_VERSION, fits } from "../../tools/engine/version.ts";
import { type EngineOptions, ensureEngine } from "../../tools/engine.ts";
import { createSandbox, type Sandbox } from "./support.ts";

describe("tools: version of the engine", () => {
  const table: [string, boolean][] = [
    ["3.259.0", true],
    ["v3.259.0", true],
    ["v3.259.1", true],
    ["3.260.0", true],
    ["3.1000.0", true],
    ["v3.260.0-alpha.1", true],
    ["v3.259.0+dirty", true],
    ["v3.259.0-alpha.x1a2b", false],
    ["3.258.9", false],
    ["3.99.0", false],
    ["2.300.0", false],
    ["4.0.0", false],
    ["3.259", false],
    ["", false],
    ["command not found", false],
  ];
  for (const [version, expected] of table) {
    it(`${version || "(empty)"} ${expected ? "fits" : "does not fit"}`, () => assert.equal(fits(version), expected));
  }
});

describe("tools: choice of the engine", () => {
  let sandbox: Sandbox;
  beforeEach(async () => {
    sandbox = await createSandbox();
  });
  afterEach(() => sandbox.close());

  it("takes the first on PATH that fits and names those that do not", async () => {
    const old = await sandbox.executable("pulumi", "echo v3.100.0", "old");
    const broken = await sandbox.executable("pulumi", "exit 3", "broken");
    const good = await sandbox.executable("pulumi", "echo v3.262.1", "good");
    sandbox.setPath("old", "broken", "good");
    assert.deepEqual(await ensureEngine(sandbox.report), { path: good, version: "3.262.1", source: "path" });
    assert.deepEqual(sandbox.lines, [
      `${old} is version 3.100.0, which does not fit (3.259.0 or later, same major)`,
      `${broken} is version unknown, which does not fit (3.259.0 or later, same major)`,
    ]);
  });

  it("falls back to the cache, silently", async () => {
    sandbox.setPath();
    const cached = await sandbox.executable("pulumi", "echo 3.259.0", `cache/bascule/engine/${ENGINE_VERSION}`);
    assert.deepEqual(await ensureEngine(sandbox.report), { path: cached, version: "3.259.0", source: "cache" });
    assert.deepEqual(sandbox.lines, []);
  });
});

describe("tools: download of the engine", () => {
  let sandbox: Sandbox;
  let releases: Releases;
  beforeEach(async () => {
    sandbox = await createSandbox();
    releases = await serveReleases(sandbox);
    // No usable Go unless a test brings one.
    await sandbox.executable("go", "echo go1.19.8");
    sandbox.setPath("bin");
  });
  const fetchEngine = (options: EngineOptions) => ensureEngine(sandbox.report, { goFolders: [], ...options });
  afterEach(async () => {
    await releases.close();
    await sandbox.close();
  });

  it("unpacks a release whose checksum is right, and finds it in the cache next time", async () => {
    const first = await fetchEngine({ releases: [releases.address] });
    assert.equal(first.source, "download");
    assert.equal(first.version, ENGINE_VERSION);
    assert.ok(existsSync(join(first.path, "..", "pulumi-language-nodejs")), "the language hosts come along");
    const second = await fetchEngine({ releases: [] });
    assert.deepEqual(second, { ...first, source: "cache" });
  });

  it("downloads once when two runs ask at the same time", async () => {
    const both = await Promise.all([1, 2].map(() => fetchEngine({ releases: [releases.address] })));
    assert.deepEqual(both.map(({ source }) => source).sort(), ["cache", "download"]);
    assert.match(sandbox.lines.join("\n"), new RegExp(`waiting for process ${process.pid}`));
  });

  it("replaces an engine in the cache that does not run", async () => {
    await sandbox.executable("pulumi", "exit 1", `cache/bascule/engine/${ENGINE_VERSION}`);
    assert.equal((await fetchEngine({ releases: [releases.address] })).source, "download");
  });

  it("tries the next address when one is down", async () => {
    const found = await fetchEngine({ releases: ["http://127.0.0.1:1", releases.address] });
    assert.equal(found.source, "download");
  });

  it("refuses a wrong checksum, and leaves nothing in the cache", async () => {
    releases.checksum = "0".repeat(64);
    await assert.rejects(fetchEngine({ releases: [releases.address] }), {
      name: "ToolError",
      message: new RegExp(
        `cannot be downloaded \\(127\\.0\\.0\\.1:\\d+: pulumi-v3\\.259\\.0-.*\\.tar\\.gz has SHA-256 [0-9a-f]{64}, published is 0{64}\\), ` +
          "and there is no Go 1\\.21 or later to build it with\\. Put pulumi 3\\.259\\.0 or later on PATH: curl",
      ),
    });
    assert.deepEqual(await readdir(join(sandbox.directory, "cache/bascule/engine")), []);
    assert.deepEqual(await readdir(join(sandbox.directory, "tmp")), []);
  });

  it("builds with Go when the download is cut off", async () => {
    releases.cut = true;
    const script = [
      'case "$1" in env) echo go1.26.8;; mod) cp go.mod "$(dirname "$0")/seen.mod";;',
      'build) printf "#!/bin/sh\\necho 3.259.0\\n" > "$3"; echo "$CGO_ENABLED $GOTOOLCHAIN" > "$(dirname "$0")/seen.env";; esac',
    ];
    const go = await sandbox.executable("go", script.join("\n"));
    const engine = await fetchEngine({ releases: [releases.address] });
    assert.equal(engine.source, "built");
    assert.equal(engine.path, join(sandbox.directory, "cache/bascule/engine", ENGINE_VERSION, "pulumi"));
    assert.equal(readFileSync(join(go, "..", "seen.env"), "utf8"), "0 local\n");
    assert.match(readFileSync(join(go, "..", "seen.mod"), "utf8"), /pulumi\/pkg\/v3 v3\.259\.0/);
    assert.match(sandbox.lines.join("\n"), /cannot be downloaded .* building it with Go, once/);
  });

  it("says why a build with Go failed", async () => {
    await sandbox.executable(
      "go",
      '[ "$1" = env ] && echo go1.26.8 && exit 0; echo "no space left on device" >&2; exit 1',
    );
    await assert.rejects(fetchEngine({ releases: [] }), {
      message: /go mod failed: no space left on device/,
    });
  });

  it("stops when interrupted, and builds nothing", async () => {
    releases.silent = true;
    const signal = AbortSignal.timeout(200);
    await assert.rejects(fetchEngine({ releases: [releases.address], signal }), {
      name: "TimeoutError",
    });
    assert.deepEqual(await readdir(join(sandbox.directory, "cache/bascule/engine")), []);
  });
});

describe("tools: published checksums", () => {
  const sum = "a".repeat(64);
  it("finds the line of the file", () => assert.equal(checksumOf(`${"b".repeat(64)}  x\n${sum}  y.gz\n`, "y.gz"), sum));
  it("accepts the mark of binary mode", () => assert.equal(checksumOf(`${sum} *y.gz`, "y.gz"), sum));
  it("refuses a file that is not listed", () =>
    assert.throws(() => checksumOf(`${sum}  y.gz.sig`, "y.gz"), /no checksum is published for y\.gz/));
  it("refuses what is no checksum", () => assert.throws(() => checksumOf("<html>  y.gz", "y.gz"), /no checksum/));
});

interface Releases {
  address: string;
  checksum: string;
  /** Ends the connection in the middle of the archive. */
  cut: boolean;
  /** Never answers. */
  silent: boolean;
  close(): Promise<void>;
}

/** A release host with one release, whose engine is a shell script. */
async function serveReleases(sandbox: Sandbox): Promise<Releases> {
  const folder = join(sandbox.directory, "release");
  await mkdir(folder);
  await sandbox.executable("pulumi", `echo v${ENGINE_VERSION}`, "release/pulumi");
  await writeFile(join(folder, "pulumi", "pulumi-language-nodejs"), "");
  execFileSync("tar", ["-czf", join(folder, "archive"), "-C", folder, "pulumi"]);
  const archive = readFileSync(join(folder, "archive"));
  const name = `pulumi-v${ENGINE_VERSION}-${process.platform}-${process.arch}.tar.gz`;
  const releases: Releases = {
    address: "",
    checksum: createHash("sha256").update(archive).digest("hex"),
    cut: false,
    silent: false,
    close: () => closeServer(server),
  };
  const server = createServer((request, response) => {
    if (releases.silent) {
      return;
    }
    if (request.url === `/pulumi-${ENGINE_VERSION}-checksums.txt`) {
      response.end(`${releases.checksum}  ${name}\n`);
    } else if (request.url === `/${name}`) {
      // As a real release host does, hand over to a store.
      response.writeHead(302, { location: "/store" }).end();
    } else if (request.url === "/store" && releases.cut) {
      response.writeHead(200, { "content-length": archive.length });
      response.write(archive.subarray(0, 10), () => response.destroy());
    } else if (request.url === "/store") {
      response.end(archive);
    } else {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  assert.ok(address && typeof address === "object");
  releases.address = `http://127.0.0.1:${address.port}`;
  return releases;
}

function closeServer(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}
