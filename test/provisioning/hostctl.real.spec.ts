import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Agent, fetch } from "undici";
import { renderApp } from "../../provisioning/app/render.ts";
import type { AppSpec } from "../../provisioning/app/spec.ts";
import { renderBase } from "../../provisioning/base/render.ts";
import type { Bundle } from "../../provisioning/bundle.ts";
import { renderNginx } from "../../provisioning/nginx/render.ts";
import { packagesFor } from "../../provisioning/packages.ts";
import { openForward } from "../../provisioning/ssh/forward.ts";
import { uploadNode, uploadRelease } from "./release.ts";
import { startServer, type TestServer } from "./server.ts";
import { app, base, canary, nginx } from "./specs.ts";

const program = `import { createServer } from "node:http";
const server = createServer((request, response) => response.end(request.url === "/api/health" ? "ok" : process.env.MOTTO));
server.listen(Number(process.env.PORT), "127.0.0.1");
process.on("SIGTERM", () => server.close(() => process.exit(0)));
`;

/** The bundle with one of its files rewritten. */
function rewritten(bundle: Bundle, path: string, change: (content: string) => string): Bundle {
  return {
    ...bundle,
    files: bundle.files.map((file) => (file.path === path ? { ...file, content: change(file.content) } : file)),
  };
}

describe("hostctl on a server", function () {
  this.timeout(120_000);
  let server: TestServer;
  let node: AppSpec["node"];
  const state = process.env.XDG_STATE_HOME;
  const ownState = mkdtempSync(join(tmpdir(), "bascule-state-"));
  // The watchers are one visitor each, and busier than any.
  const web = { ...nginx, rate: { perSecond: 100_000, burst: 1_000_000 } };
  const site = renderNginx(web);
  const anyCertificate = new Agent({ connect: { rejectUnauthorized: false } });
  const ask = (path: string) =>
    fetch(`https://${server.address}${path}`, { dispatcher: anyCertificate, signal: AbortSignal.timeout(5000) });
  const withMotto = async (motto: string, content = program): Promise<Bundle> => {
    const release = await uploadRelease(server, { "server.mjs": content });
    return renderApp({ ...app, node, release, migrations: undefined, environment: { MOTTO: motto, TOKEN: canary } });
  };
  /** How many requests were asked, and which were not answered well, while something is done. */
  const watched = async (path: string, act: () => Promise<unknown>) => {
    const failures: string[] = [];
    let asked = 0;
    let going = true;
    const watch = async () => {
      while (going) {
        asked += 1;
        try {
          const { status } = await ask(path);
          if (status !== 200) failures.push(String(status));
        } catch (error) {
          failures.push(String(error));
        }
        await sleep(10);
      }
    };
    const watchers = [watch(), watch(), watch()];
    await act();
    going = false;
    await Promise.all(watchers);
    assert.ok(asked > 10, `only ${asked} requests`);
    assert.deepEqual(failures, []);
  };

  before(async () => {
    process.env.XDG_STATE_HOME = ownState;
    server = await startServer();
    node = await uploadNode(server);
    const packages = packagesFor("debian-13", ["app", "nginx"]);
    const { code, body } = await server.apply(renderBase({ ...base, packages }));
    assert.equal(code, 0, JSON.stringify(body));
    assert.equal(
      await server.asRoot("systemctl is-active nginx || true"),
      "inactive",
      "a package must not start its service",
    );
    const { chain, key } = nginx.certificate;
    await server.asRoot(
      `mkdir -p "$(dirname ${chain})" && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 ` +
        `-subj /CN=${nginx.domain} -keyout ${key} -out ${chain} 2>/dev/null`,
    );
  });

  after(async () => {
    await anyCertificate.close();
    await server?.remove();
    if (state === undefined) delete process.env.XDG_STATE_HOME;
    else process.env.XDG_STATE_HOME = state;
    rmSync(ownState, { recursive: true });
  });

  it("lets the deploy user run hostctl as root and nothing else", async () => {
    assert.equal((await server.hostctl("facts")).body.release, "13");
    await assert.rejects(server.hostctl("facts >/dev/null; sudo -n id"), /a password is required/);
  });

  it("brings up the application and the site, and says unchanged the second time", async () => {
    for (const bundle of [await withMotto("one"), site]) {
      assert.equal((await server.apply(bundle)).body.result, "changed");
      const again = await server.apply(bundle);
      assert.deepEqual([again.code, again.body.result], [0, "unchanged"]);
    }
    const answer = await ask("/");
    assert.deepEqual([answer.status, answer.headers.get("x-bascule-side"), await answer.text()], [200, "green", "one"]);
    assert.equal(await (await ask("/.well-known/bascule")).text(), '{"side":"green"}');
    assert.deepEqual((await server.hostctl("check")).body.clean, true);
  });

  it("never lets a configuration with an error become live, and the site keeps answering", async () => {
    const broken = rewritten(site, "/etc/nginx/nginx.conf", (text) =>
      text.replace("server_tokens off;", "server_tokens of;"),
    );
    await watched("/", async () => {
      const { code, body } = await server.apply(broken);
      assert.deepEqual([code, body.result, body.step], [30, "refused", "validate"]);
      assert.match(String(body.reason), /nginx -t: .*invalid value "of"/);
    });
    assert.equal((await server.hostctl("check")).code, 0);
  });

  it("finds that a port is taken, which nginx only logs, and goes back", async () => {
    await server.asRoot("systemd-run --quiet --unit squatter python3 -m http.server --bind 127.0.0.1 8077; sleep 0.5");
    const clash = rewritten(renderNginx({ ...web, clientMaxBodyMiB: 11 }), "/etc/nginx/nginx.conf", (text) =>
      text.replace("listen 80 default_server;", "listen 80 default_server;\n    listen 8077;"),
    );
    const impatient = { ...clash, probes: clash.probes.map((probe) => ({ ...probe, timeout: 3 })) };
    await watched("/", async () => {
      const { code, body } = await server.apply(impatient);
      assert.deepEqual([code, body.result, body.step], [20, "reverted", "probe"]);
      assert.match(String(body.reason), /nginx still runs configuration [\s\S]*8077/);
    });
    await server.asRoot("systemctl stop squatter");
    assert.equal((await server.hostctl("check")).code, 0);
  });

  it("goes back when a probe fails after the reload", async () => {
    const other = renderNginx({ ...web, side: "blue" });
    const unwell = { ...other, probes: [{ name: "never", argv: ["false"], timeout: 1 }] };
    await watched("/", async () => {
      const { code, body } = await server.apply(unwell);
      assert.deepEqual([code, body.result, body.step], [20, "reverted", "probe"]);
    });
    assert.equal((await ask("/")).headers.get("x-bascule-side"), "green");
  });

  it("rolls a release out instance by instance without a failed request", async () => {
    await watched("/", async () => assert.equal((await server.apply(await withMotto("two"))).body.result, "changed"));
    assert.equal(await (await ask("/")).text(), "two");
  });

  it("stops at the first instance that is not well, goes back, and shows no secret", async () => {
    const crash = `${program}console.error(process.env.TOKEN, "out of luck"); process.exit(1);\n`;
    const bundle = await withMotto("three", crash);
    const impatient = {
      ...bundle,
      units: bundle.units.map((unit) => ({ ...unit, health: unit.health && { ...unit.health, timeout: 3 } })),
    };
    await watched("/", async () => {
      const { code, body } = await server.apply(impatient);
      assert.deepEqual([code, body.step], [20, "health"]);
      assert.match(String(body.reason), /\*\*\* out of luck/);
      assert.ok(!JSON.stringify(body).includes(canary));
    });
    assert.equal(await (await ask("/")).text(), "two");
  });

  it("finds a file edited by hand and repairs it", async () => {
    await server.asRoot("echo '# by hand' >> /etc/nginx/nginx.conf; systemctl stop shop@3001");
    const { code, body } = await server.hostctl("check --json");
    assert.equal(code, 10);
    assert.match(JSON.stringify(body), /"name": ?"\/etc\/nginx\/nginx.conf", ?"what": ?"content"/);
    assert.match(JSON.stringify(body), /"name": ?"shop@3001.service", ?"what": ?"state"/);
    await watched("/", async () => assert.equal((await server.apply(site)).body.result, "changed"));
    await server.apply(await withMotto("two"));
    assert.equal((await server.hostctl("check")).code, 0);
  });

  it("replaces itself", async () => {
    const { renderHostctl } = await import("../../provisioning/hostctl/render.ts");
    assert.equal((await server.apply(renderHostctl())).body.result, "changed");
    assert.equal((await server.apply(renderHostctl())).body.result, "unchanged");
  });

  it("runs long work after the session is over, and ends it when asked", async () => {
    const script = 'wc -c < "$BASCULE_SECRETS/TOKEN"; id -un; until [ -e /tmp/go ]; do sleep 0.1; done; echo end';
    const request = JSON.stringify({ script, secrets: { TOKEN: canary }, user: "deploy" });
    assert.equal((await server.hostctl("job start --name copy", request)).body.state, "running");
    assert.match(String((await server.hostctl("job start --name copy", request)).body.reason), /copy is running/);
    assert.equal(await server.asRoot("ls -ld --time-style=+ /run/bascule/jobs/copy | cut -c1-10"), "drwx------");
    assert.ok(!(await server.asRoot("ps -eo args; systemctl show bascule-job-copy")).includes(canary));
    await server.asRoot("touch /tmp/go");
    const { body } = await server.hostctl("job wait --name copy --seconds 20");
    assert.deepEqual([body.state, body.exitCode, body.output], ["done", 0, `${canary.length}\ndeploy\nend\n`]);
    assert.equal(await server.asRoot("ls /run/bascule/jobs"), "");

    await server.hostctl("job start --name long", JSON.stringify({ script: "exec sleep 600" }));
    assert.equal((await server.hostctl("job stop --name long")).body.state, "failed");
    assert.equal(await server.asRoot("pgrep -x sleep || true"), "");
  });

  it("is reached by a forward that checks the host key", async () => {
    const { address: host, privateKey, hostKey } = server;
    const spec = { host, user: "deploy", privateKey, hostKey, localPort: 15_937, remotePort: 3001 };
    const wrong = { ...spec, hostKey: hostKey.replace(/.{4}$/, "AAAA") };
    await assert.rejects(openForward(wrong), /shows another host key than the pinned one/);
    await assert.rejects(
      openForward({ ...spec, remotePort: 1, timeoutSeconds: 2 }),
      /nothing answers on port 1 of the server/,
    );
    const forward = await openForward(spec);
    assert.equal(await (await fetch("http://127.0.0.1:15937/")).text(), "two");
    assert.deepEqual((await openForward(spec)).reused, true);
    await assert.rejects(openForward({ ...spec, host: "198.19.240.99" }), /taken by a forward to .*, another server/);
    forward.close();
    await sleep(500);
    await assert.rejects(fetch("http://127.0.0.1:15937/"));
  });

  it("leaves no forward behind when the program that opened it is killed", async () => {
    const { address: host, privateKey, hostKey } = server;
    const spec = { host, user: "deploy", privateKey, hostKey, localPort: 15_938, remotePort: 3001 };
    const forward = new URL("../../provisioning/ssh/forward.ts", import.meta.url).href;
    const program = `import { openForward } from "${forward}";
      await openForward(JSON.parse(process.env.SPEC));
      console.log("open");
      setInterval(() => {}, 1000);`;
    const env = { SPEC: JSON.stringify(spec) };
    const child = spawn(process.execPath, ["--input-type=module-typescript", "-e", program], {
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    assert.equal((await fetch("http://127.0.0.1:15938/")).status, 200);
    child.kill("SIGKILL");
    await once(child, "exit");
    await sleep(500);
    await assert.rejects(fetch("http://127.0.0.1:15938/"));
  });
});
