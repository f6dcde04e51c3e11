import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { renderApp } from "../../provisioning/app/render.ts";
import type { AppSpec } from "../../provisioning/app/spec.ts";
import { renderBase } from "../../provisioning/base/render.ts";
import { packagesFor } from "../../provisioning/packages.ts";
import { uploadNode, uploadRelease, uploadTar } from "./release.ts";
import { startServer, type TestServer } from "./server.ts";
import { app, base } from "./specs.ts";

const VERSION = "7.0.4";

/** PM2 as a release brings it along, fetched once: it is not ours to hand on, so it is no dependency of this project. */
async function pm2Modules(): Promise<string> {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), ".cache");
  const folder = join(cache, "bascule", "test", `pm2-${VERSION}`);
  if (existsSync(folder)) return folder;
  const fresh = `${folder}.${process.pid}`;
  mkdirSync(fresh, { recursive: true });
  const flags = ["--no-audit", "--no-fund", "--ignore-scripts", "--omit=optional", "--prefix", fresh];
  await execa("npm", ["install", ...flags, `pm2@${VERSION}`]);
  renameSync(fresh, folder);
  return folder;
}

const program = (release: string) => `import { createServer } from "node:http";
const server = createServer((request, response) => response.end("${release} " + process.env.MOTTO + " " + process.env.PORT));
server.listen(Number(process.env.PORT), "127.0.0.1");
const stop = () => server.close(() => process.exit(0));
process.on("SIGTERM", stop).on("SIGINT", stop);
`;

describe("app below PM2 on debian-13", function () {
  this.timeout(180_000);
  let server: TestServer;
  let node: AppSpec["node"];
  const folder = mkdtempSync(join(tmpdir(), "bascule-pm2-"));

  const bundleOf = async (release: string, motto: string) => {
    const stage = join(folder, release);
    mkdirSync(stage, { recursive: true });
    writeFileSync(join(stage, "server.mjs"), program(release));
    const tar = join(folder, `${release}.tar.gz`);
    const flags = ["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--format=ustar"];
    await execa("tar", [...flags, "-czf", tar, "-C", await pm2Modules(), "node_modules", "-C", stage, "server.mjs"]);
    const uploaded = await uploadTar(server, readFileSync(tar));
    return renderApp({
      ...app,
      runtime: "pm2",
      migrations: undefined,
      node,
      release: uploaded,
      environment: { MOTTO: motto },
    });
  };
  const running = () => server.asRoot("for p in 3001 3002; do curl -s http://127.0.0.1:$p/; echo; done");

  before(async () => {
    server = await startServer();
    node = await uploadNode(server);
    const { code, body } = await server.apply(renderBase({ ...base, packages: packagesFor("debian-13", ["app"]) }));
    assert.equal(code, 0, JSON.stringify(body));
  });

  after(async () => {
    await server?.remove();
    rmSync(folder, { recursive: true });
  });

  it("refuses a release that brings no PM2, and says how to bring it", async () => {
    const release = await uploadRelease(server, { "server.mjs": program("none") });
    const { code, body } = await server.apply(
      renderApp({ ...app, runtime: "pm2", migrations: undefined, node, release }),
    );
    assert.deepEqual([code, body.step], [30, "validate"]);
    assert.match(String(body.reason), /npm install pm2/);
  });

  it("runs every instance on its port, sandboxed, as its own user", async () => {
    const { code, body } = await server.apply(await bundleOf("one", "first"));
    assert.equal(code, 0, JSON.stringify(body));
    assert.equal(await running(), "one first 3001\none first 3002");
    const shown = await server.asRoot("systemd-analyze security --no-pager pm2-shop.service | tail -n 1");
    assert.ok(Number(/: ([\d.]+)/.exec(shown)?.[1]) <= 3, shown);
    assert.equal(await server.asRoot("ps -o user= -p $(systemctl show -P MainPID pm2-shop)"), "shop");
    assert.equal(await server.asRoot("systemctl show -P MemoryMax pm2-shop"), String((160 + 2 * 240) * 2 ** 20));
  });

  it("rolls a release and its environment out with never all instances down", async () => {
    const bundle = await bundleOf("two", "second");
    const unit = await server.asRoot("systemctl show -P MainPID pm2-shop");
    await server.asRoot(
      "systemd-run --quiet --unit watcher bash -c 'while :; do curl -sf http://127.0.0.1:3001/ || curl -sf http://127.0.0.1:3002/ || echo down >> /tmp/down; sleep 0.02; done'",
    );
    const { code, body } = await server.apply(bundle);
    await server.asRoot("systemctl stop watcher");
    assert.equal(code, 0, JSON.stringify(body));
    assert.equal(await running(), "two second 3001\ntwo second 3002");
    assert.equal(await server.asRoot("cat /tmp/down 2>/dev/null || true"), "");
    assert.equal(await server.asRoot("systemctl show -P MainPID pm2-shop"), unit, "PM2 itself went on");
  });

  it("starts an instance again that was killed", async () => {
    await server.asRoot("pkill -9 -u shop -f server.mjs; /usr/local/lib/bascule/app/health http://127.0.0.1:3001/ 20");
    assert.match(await running(), /^two second 3001/);
  });
});
