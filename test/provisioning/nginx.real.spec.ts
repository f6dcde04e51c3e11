import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type NginxSpec, renderNginx } from "../../provisioning/nginx/render.ts";
import { nginx } from "./specs.ts";
import { instancePorts, startWebsite, type Website } from "./website.ts";

const visitor = "203.0.113.9";
const operator = "192.0.2.7";

for (const [index, image] of (["debian-13", "debian-12"] as const).entries()) {
  describe(`nginx on ${image}`, function () {
    this.timeout(180_000);
    let site: Website;
    const state = process.env.XDG_STATE_HOME;
    const ownState = mkdtempSync(join(tmpdir(), "bascule-state-"));
    const spec: NginxSpec = {
      ...nginx,
      image,
      upstreamPorts: instancePorts,
      healthPath: "/api/health",
      insiders: [`${operator}/32`],
      trustedProxies: ["127.0.0.1/32"],
      rate: { perSecond: 1, burst: 5 },
      appTimeoutSeconds: 2,
    };
    const apply = async (change: Partial<NginxSpec> = {}) => {
      const { code, body } = await site.server.apply(renderNginx({ ...spec, ...change }));
      assert.equal(code, 0, JSON.stringify(body));
      return body.result;
    };
    /** As somebody behind the edge: status, then headers, then body. */
    const as = (client: string, path: string, more = "") =>
      site.curl(`-i --http1.1 -H 'CF-Connecting-IP: ${client}' ${more} https://${nginx.domain}${path} | tr -d '\\r'`);

    before(async () => {
      process.env.XDG_STATE_HOME = ownState;
      site = await startWebsite(image, index + 1, ["nginx"]);
      assert.equal(await apply(), "changed");
    });

    after(async () => {
      await site?.stop();
      if (state === undefined) delete process.env.XDG_STATE_HOME;
      else process.env.XDG_STATE_HOME = state;
      rmSync(ownState, { recursive: true });
    });

    it("runs as it was written, and an apply of the same finds nothing to do", async () => {
      assert.equal(await apply(), "unchanged");
      assert.equal((await site.server.hostctl("check")).code, 0);
      assert.match(await site.server.asRoot("curl -sS http://127.0.0.1:8099/status"), /^Active connections: \d+/);
    });

    it("is sandboxed, and has root's rights only where it needs them", async () => {
      const said = await site.server.asRoot("systemd-analyze security --no-pager nginx.service | tail -n 1");
      const exposure = Number(/: ([\d.]+) /.exec(said)?.[1]);
      assert.ok(exposure <= 3, said);
      assert.equal(await site.server.asRoot("ps -o user= -C nginx | sort | uniq | xargs"), "root www-data");
    });

    it("speaks HTTP/2, compresses, and sends the security headers once", async () => {
      const answer = await site.curl(
        `--http2 -H 'Accept-Encoding: br' -D - -o /dev/null https://${nginx.domain}/page | tr -d '\\r'`,
      );
      assert.match(answer, /^HTTP\/2 200/);
      assert.match(answer, /^content-encoding: br$/m);
      for (const line of [
        "x-bascule-side: green",
        "strict-transport-security: max-age=31536000",
        "x-content-type-options: nosniff",
        "referrer-policy: strict-origin-when-cross-origin",
        "x-frame-options: SAMEORIGIN",
        "content-security-policy: frame-ancestors 'self'",
        "permissions-policy: camera=(), geolocation=(), microphone=()",
      ]) {
        assert.equal(answer.split("\n").filter((each) => each === line).length, 1, `${line}\n${answer}`);
      }
      const framed = await as(visitor, "/framed", "-H 'Accept-Encoding: gzip' -o /dev/null -D -");
      assert.match(framed, /^Content-Encoding: gzip$/m);
      assert.deepEqual(
        framed.match(/^X-Frame-Options: .*$/gm),
        ["X-Frame-Options: DENY"],
        "the application's own word",
      );
    });

    it("believes the edge who the visitor is, and nobody else", async () => {
      const { headers } = JSON.parse(
        (await as(visitor, "/who", "-H 'X-Forwarded-For: 1.2.3.4'")).split("\n\n")[1] ?? "",
      );
      assert.deepEqual([headers["x-forwarded-for"], headers["x-real-ip"]], [visitor, visitor]);
      const stranger = await site.ask("/stranger", { headers: { "cf-connecting-ip": "203.0.113.10" } });
      const told = JSON.parse(await stranger.text()).headers;
      assert.notEqual(told["x-forwarded-for"], "203.0.113.10");
      assert.equal(told["x-real-ip"], told["x-forwarded-for"]);
      const log = await site.server.asRoot('grep -h \'"/who"\\|"/stranger"\' /var/log/nginx/access.log');
      const [who, other] = log.split("\n").map((line) => JSON.parse(line));
      assert.deepEqual([who.remote, who.peer, who.status, who.method], [visitor, "127.0.0.1", "200", "GET"]);
      assert.equal(other.remote, told["x-real-ip"]);
      assert.match(who.upstreamSeconds, /^[\d.]+$/);
      assert.match(who.seconds, /^[\d.]+$/);
    });

    it("hides the application's private paths, and refuses a body that is too large", async () => {
      assert.match(await as(visitor, "/metrics"), /^HTTP\/1.1 404/);
      await apply({ clientMaxBodyMiB: 1 });
      const large = "head -c 1100000 /dev/zero >/tmp/large; ";
      await site.server.asRoot(large);
      assert.match(await as(visitor, "/upload", "--data-binary @/tmp/large -H 'Expect:'"), /^HTTP\/1.1 413/);
      await apply();
    });

    it("limits one address, and neither the others nor the operator nor the health check", async () => {
      const burst = (client: string, path: string) =>
        site.curl(
          `-o /dev/null -w '%{http_code}\\n' -H 'CF-Connecting-IP: ${client}' 'https://${nginx.domain}${path}?[1-40]' | sort | uniq -c | xargs`,
        );
      assert.match(await burst("203.0.113.66", "/"), /^\d+ 200 \d+ 429$/);
      const last = await site.curl(
        `-i --http1.1 -H 'CF-Connecting-IP: 203.0.113.67' 'https://${nginx.domain}/?[1-40]' | tr -d '\\r' | tail -n 20`,
      );
      assert.match(last, /HTTP\/1.1 429 [\s\S]*^Retry-After: 30$[\s\S]*"error":"too_many_requests"/m);
      assert.match(await as("203.0.113.68", "/"), /^HTTP\/1.1 200/);
      assert.equal(await burst(operator, "/"), "40 200");
      assert.equal(await burst("203.0.113.66", "/api/health"), "40 200");
    });

    it("holds writes in read-only mode, everybody's, and loses no request by the switch", async () => {
      const lost = await site.watched("/api/health", [200], async () => {
        await apply({ mode: "read-only" });
        const held = await as(operator, "/cart", "-X POST");
        assert.match(held, /^HTTP\/1.1 503[\s\S]*^Retry-After: 30$[\s\S]*^Strict-Transport-Security/m);
        assert.match(held, /"error":"read_only"/);
        assert.match(await as("203.0.113.20", "/products"), /^HTTP\/1.1 200/);
        assert.match(await as("203.0.113.21", "/products", "-I"), /^HTTP\/1.1 200/);
        await apply({ mode: "normal" });
        assert.match(await as("203.0.113.22", "/cart", "-X POST"), /^HTTP\/1.1 200/);
      });
      assert.deepEqual(lost, []);
    });

    it("shows the maintenance page to all but the operator and the health check, and loses no request", async () => {
      const lost = await site.watched("/", [200, 429, 503], async () => {
        await apply({ mode: "maintenance" });
        const page = await as("203.0.113.30", "/", "-H 'Accept: text/html,*/*'");
        assert.match(page, /^HTTP\/1.1 503[\s\S]*^Content-Type: text\/html$[\s\S]*<h1>Maintenance<\/h1>/m);
        assert.match(await as("203.0.113.30", "/api/health"), /^HTTP\/1.1 200/);
        assert.match(await as(operator, "/"), /^HTTP\/1.1 200/);
        await apply({ mode: "normal" });
      });
      assert.deepEqual(lost, []);
    });

    it("is set up and closed until it is opened", async () => {
      await apply({ serve: false });
      assert.match(await as("203.0.113.40", "/"), /^HTTP\/1.1 503[\s\S]*"error":"not_serving"/);
      assert.match(await as("203.0.113.40", "/api/health"), /^HTTP\/1.1 200/);
      assert.match(await as("203.0.113.40", "/.well-known/bascule"), /^HTTP\/1.1 200[\s\S]*{"side":"green"}/);
      assert.match(await as(operator, "/"), /^HTTP\/1.1 200/);
      await apply();
    });

    it("turns its log over and goes on writing", async () => {
      await site.server.asRoot("logrotate -f /etc/logrotate.d/nginx");
      await as(visitor, "/after-the-turn");
      assert.match(
        await site.server.asRoot("sleep 0.5; stat -c '%U %a' /var/log/nginx/access.log; cat /var/log/nginx/access.log"),
        /^www-data 640\n[\s\S]*after-the-turn/,
      );
    });

    describe("with instances in trouble", () => {
      const fast = { rate: { perSecond: 10_000, burst: 1000 } };
      const systemctl = (command: string) => site.server.asRoot(`systemctl ${command}`);
      before(() => apply(fast));

      it("leaves out one that hangs and one that died, and nobody sees more than a delay", async () => {
        const lost = await site.watched("/", [200], async () => {
          await systemctl("kill -s STOP instance@3001");
          await site.server.asRoot("sleep 3");
          await systemctl("kill -s KILL instance@3002");
          await site.server.asRoot("sleep 1");
        });
        assert.deepEqual(lost, []);
        const times = await site.curl(`-o /dev/null -w '%{time_total}\\n' 'https://${nginx.domain}/?[1-50]'`);
        const slow = times.split("\n").filter((seconds) => Number(seconds) > 1);
        assert.ok(slow.length <= 2, `${slow.length} of 50 requests waited for the one that hangs: ${slow.join(" ")}`);
        await systemctl("kill -s CONT instance@3001");
        await systemctl("start instance@3002");
      });

      it("loses nothing when all of them restart one after the other, quicker than a failure is forgotten", async () => {
        const lost = await site.watched("/", [200], async () => {
          for (const port of [...instancePorts, ...instancePorts]) {
            await site.server.asRoot(
              `systemctl restart instance@${port}; until curl -sf -o /dev/null http://127.0.0.1:${port}/; do sleep 0.1; done`,
            );
          }
        });
        assert.deepEqual(lost, []);
      });

      it("says the application is away when all are, and is well as soon as one is back", async () => {
        await systemctl(`stop ${instancePorts.map((port) => `instance@${port}`).join(" ")}`);
        assert.equal((await site.ask("/")).status, 502);
        await site.server.asRoot(
          "systemctl start instance@3003; until curl -sf -o /dev/null http://127.0.0.1:3003/; do sleep 0.1; done",
        );
        assert.equal((await site.ask("/")).status, 200);
        await systemctl(`start ${instancePorts.map((port) => `instance@${port}`).join(" ")}`);
      });
    });
  });
}
