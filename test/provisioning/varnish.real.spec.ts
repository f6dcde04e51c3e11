import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Bundle } from "../../provisioning/bundle.ts";
import { renderNginx } from "../../provisioning/nginx/render.ts";
import { cachePort, renderNoVarnish, renderVarnish } from "../../provisioning/varnish/render.ts";
import { nginx, varnish } from "./specs.ts";
import { instancePorts, startWebsite, type Website } from "./website.ts";

for (const [index, image] of (["debian-13", "debian-12"] as const).entries()) {
  describe(`varnish on ${image}`, function () {
    this.timeout(180_000);
    let site: Website;
    const state = process.env.XDG_STATE_HOME;
    const ownState = mkdtempSync(join(tmpdir(), "bascule-state-"));
    const cache = { ...varnish, image };
    const front = {
      ...nginx,
      image,
      upstreamPorts: instancePorts,
      appTimeoutSeconds: 2,
      cachePort,
      rate: { perSecond: 10_000, burst: 1000 },
    };
    const apply = async (bundle: Bundle) => {
      const { code, body } = await site.server.apply(bundle);
      assert.equal(code, 0, JSON.stringify(body));
      return body.result;
    };
    /** What became of requests one after the other. */
    const states = async (path: string, headers: Record<string, string> = {}, times = 2) => {
      const found: (string | null)[] = [];
      for (let time = 0; time < times; time += 1) {
        const answer = await site.ask(path, { headers });
        assert.equal(answer.status, 200);
        await answer.arrayBuffer();
        found.push(answer.headers.get("x-cache"));
      }
      return found;
    };

    before(async () => {
      process.env.XDG_STATE_HOME = ownState;
      site = await startWebsite(image, index + 1, ["nginx", "varnish"]);
      assert.equal(await apply(renderVarnish(cache)), "changed");
      assert.equal(await apply(renderNginx(front)), "changed");
    });

    after(async () => {
      await site?.stop();
      if (state === undefined) delete process.env.XDG_STATE_HOME;
      else process.env.XDG_STATE_HOME = state;
      rmSync(ownState, { recursive: true });
    });

    it("runs as nobody in a sandbox, on loopback alone, and an apply of the same finds nothing to do", async () => {
      assert.equal(await apply(renderVarnish(cache)), "unchanged");
      assert.equal((await site.server.hostctl("check")).code, 0);
      for (const unit of ["varnish.service", "bascule-varnish-metrics.service"]) {
        const said = await site.server.asRoot(`systemd-analyze security --no-pager ${unit} | tail -n 1`);
        assert.ok(Number(/: ([\d.]+) /.exec(said)?.[1]) <= 3, said);
      }
      assert.equal(await site.server.asRoot("ps -o user= -C varnishd,cache-main | sort -u"), "vcache");
      assert.match(await site.server.asRoot(`ss -Hltn sport = :${cachePort}`), /127\.0\.0\.1:6081/);
    });

    it("keeps what the application lets be kept, and nothing with a session or a login", async () => {
      assert.deepEqual(await states("/products/1"), ["miss", "hit"]);
      assert.deepEqual(await states("/unmarked"), ["pass", "pass"]);
      assert.deepEqual(await states("/products/2", { cookie: "session=1" }), ["pass", "pass"]);
      assert.deepEqual(await states("/products/3", { authorization: "Bearer x" }), ["pass", "pass"]);
      assert.deepEqual(await states("/products/login"), ["pass", "pass"]);
      assert.deepEqual(await states("/products/1", { cookie: "__cf_bm=1; _ga=2; _ga_X1=3" }), ["hit", "hit"]);
      const answer = await site.ask("/products/1", { method: "POST" });
      assert.deepEqual([answer.status, answer.headers.get("x-cache")], [200, null], "a write never meets the cache");
    });

    it("hands the visitor's address on, and shows nothing of itself", async () => {
      const answer = await site.ask("/unmarked");
      const { headers } = JSON.parse(await answer.text());
      assert.match(headers["x-forwarded-for"], /^198\.18\.[\d.]+$/);
      assert.equal(headers["x-real-ip"], headers["x-forwarded-for"]);
      assert.equal(answer.headers.get("via"), null);
      assert.equal(answer.headers.get("x-bascule-side"), "green");
      assert.equal((await site.ask("/.well-known/cache")).headers.get("content-type"), "application/json");
    });

    it("writes down its hit rate", async () => {
      for (let product = 10; product < 20; product += 1) await states(`/products/${product}`, {}, 5);
      await site.server.asRoot("systemctl start bascule-varnish-metrics.service");
      const text = await site.server.asRoot("runuser -u nobody -- cat /var/lib/prometheus/node-exporter/varnish.prom");
      const value = (name: string) => Number(new RegExp(`^${name} ([\\d.]+)$`, "m").exec(text)?.[1]);
      assert.equal(value("varnish_up"), 1);
      assert.ok(value("varnish_hits_total") >= 40, text);
      assert.ok(value("varnish_hit_ratio") > 0.5 && value("varnish_hit_ratio") < 1, text);
      assert.ok(value("varnish_bytes") > 0, text);
    });

    it("never runs a VCL that does not compile", async () => {
      const bundle = renderVarnish(cache);
      const files = bundle.files.map((file) =>
        file.path.endsWith(".vcl")
          ? { ...file, content: file.content.replace("return (abandon)", "return (abandoned)") }
          : file,
      );
      const { code, body } = await site.server.apply({ ...bundle, files });
      assert.deepEqual([code, body.step], [30, "validate"]);
      assert.deepEqual(await states("/products/10", {}, 1), ["hit"]);
    });

    it("loses no request when its configuration changes, when it restarts and when it dies", async () => {
      const lost = await site.watched("/products/10", [200], async () => {
        assert.equal(await apply(renderVarnish({ ...cache, appTimeoutSeconds: 31 })), "changed");
        assert.equal(await apply(renderVarnish({ ...cache, memoryMiB: 32 })), "changed");
        await site.server.asRoot("systemctl kill -s KILL varnish.service");
        await site.server.asRoot("sleep 2; systemctl is-active varnish.service");
      });
      assert.deepEqual(lost, []);
    });

    it("leaves the server when it is no longer wanted, without a lost request", async () => {
      const lost = await site.watched("/products/10", [200], async () => {
        await apply(renderNoVarnish());
        await apply(renderNginx({ ...front, cachePort: undefined }));
      });
      assert.deepEqual(lost, []);
      assert.equal(await site.server.asRoot("systemctl is-active varnish.service || true"), "inactive");
      assert.equal((await site.server.hostctl("check")).code, 0);
    });
  });
}
