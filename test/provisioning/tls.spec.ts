import assert from "node:assert/strict";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { renderTls, type TlsSpec } from "../../provisioning/tls/render.ts";
import { canary, tls } from "./specs.ts";

const fakes = new URL("./fakes", import.meta.url).pathname;
const day = 86_400_000;

/** What the hook asks of the Cloudflare API, and an API that keeps TXT records. */
function fakeApi() {
  const calls: string[] = [];
  const records = new Map<string, { id: string; content: string }>();
  let refusals = 0;
  const server: Server = createServer(async (request, response) => {
    const url = new URL(request.url ?? "/", "http://x");
    let body = "";
    for await (const chunk of request) body += chunk;
    calls.push(`${request.method} ${url.pathname}${url.search} ${body}`.trim());
    const answer = (status: number, result: unknown) => response.writeHead(status).end(JSON.stringify({ result }));
    if (request.headers.authorization !== `Bearer ${canary}`) return answer(403, null);
    if (refusals > 0) {
      refusals -= 1;
      return answer(503, null);
    }
    if (url.pathname === "/zones")
      return answer(200, url.searchParams.get("name") === "example.org" ? [{ id: "z1" }] : []);
    const id = url.pathname.split("/")[4];
    if (request.method === "DELETE" && id) return answer(200, records.delete(id));
    if (request.method === "POST") records.set("r1", { id: "r1", content: JSON.parse(body).content });
    return answer(200, [...records.values()]);
  });
  return {
    calls,
    server,
    refuse: (times: number) => {
      refusals = times;
    },
  };
}

describe("certificate", () => {
  let root = "";
  let api: ReturnType<typeof fakeApi>;
  let spec: TlsSpec;

  beforeEach(async () => {
    api = fakeApi();
    api.server.listen(0, "127.0.0.1");
    await once(api.server, "listening");
    const address = api.server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    root = mkdtempSync(join(tmpdir(), "bascule-tls-"));
    mkdirSync(join(root, "fake"));
    spec = { ...tls, dnsApi: `http://127.0.0.1:${address.port}` };
    valid(0, 90);
  });

  afterEach(() => {
    api.server.close();
    rmSync(root, { recursive: true });
  });

  const read = (path: string) => readFileSync(join(root, path), "utf8");
  /** When the certificate began and ends, in days from now. */
  const valid = (from: number, until: number) => {
    const [start, end] = [from, until].map((days) => {
      const [, weekday, month, year, time] =
        /\w+, (\d+) (\w+) (\d+) (\S+)/.exec(new Date(Date.now() + days * day).toUTCString()) ?? [];
      return `${month} ${weekday} ${time} ${year} GMT`;
    });
    writeFileSync(join(root, "fake/dates"), `notBefore=${start}\nnotAfter=${end}\n`);
  };
  /** Puts the bundle's files in place and does what its `prepare` does. */
  const obtain = async (wanted: TlsSpec) => {
    const bundle = renderTls(wanted);
    for (const file of bundle.files) {
      const path = join(root, file.path);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, file.content);
      chmodSync(path, Number.parseInt(file.mode ?? "0644", 8));
    }
    const env = { HOSTCTL_ROOT: root, PATH: `${fakes}:${process.env.PATH}` };
    const script = join(root, bundle.prepare?.[0]?.argv[0] ?? "");
    const { exitCode, stdout, stderr } = await execa("python3", [script], { env, reject: false });
    assert.ok(!(stdout + stderr).includes(canary));
    return { code: exitCode, said: stdout + stderr };
  };

  it("is fetched with a record that is set and removed, and nginx is reloaded", async () => {
    assert.deepEqual(await obtain(spec), {
      code: 0,
      said: "certificate of shop.example.org: fetched, because there is none",
    });
    const posted = api.calls.find((call) => call.startsWith("POST"));
    assert.equal(
      posted,
      'POST /zones/z1/dns_records {"type": "TXT", "name": "_acme-challenge.shop.example.org", "content": "\\"proof\\"", "ttl": 60}',
    );
    assert.ok(api.calls.includes("DELETE /zones/z1/dns_records/r1"));
    assert.equal(statSync(join(root, "etc/bascule/tls/shop.example.org/key.pem")).mode & 0o777, 0o600);
    assert.equal(read("etc/bascule/tls/shop.example.org/fullchain.pem"), "DNS:shop.example.org, DNS:www.example.org\n");
    assert.match(read("fake/log"), /reload nginx.service/);
    assert.match(read("fake/lego-log"), /--dns exec --dns.disable-cp --key-type ec256/);
  });

  it("is left alone while it is good, and nginx with it", async () => {
    await obtain(spec);
    rmSync(join(root, "fake/log"));
    assert.match((await obtain(spec)).said, /still good/);
    assert.ok(!existsSync(join(root, "fake/log")));
  });

  for (const [from, until, due] of [
    [-59, 31, false],
    [-61, 29, true],
    [-29, 16, false],
    [-31, 14, true],
    [-4, 3, false],
    [-5, 1.5, true],
  ] as const) {
    it(`is ${due ? "" : "not "}due ${until} days before its end, when it is valid for ${until - from}`, async () => {
      await obtain(spec);
      valid(from, until);
      assert.match((await obtain(spec)).said, due ? /because [\d.]+ days are left/ : /still good/);
    });
  }

  it("is fetched again when the names or the authority change", async () => {
    await obtain(spec);
    assert.match((await obtain({ ...spec, domains: ["shop.example.org"] })).said, /because the request changed/);
    assert.match(
      (await obtain({ ...spec, directory: "https://other.example.org/dir" })).said,
      /because the request changed/,
    );
  });

  it("survives an API and an authority that fail for a moment", async () => {
    api.refuse(2);
    assert.match((await obtain(spec)).said, /fetched/);
  }).timeout(20_000);

  it("says what the authority answered, and leaves the present one in place", async () => {
    await obtain(spec);
    const before = read("etc/bascule/tls/shop.example.org/issued.json");
    writeFileSync(join(root, "fake/lego-fails"), "9");
    const { code, said } = await obtain({ ...spec, domains: ["shop.example.org"] });
    assert.equal(code, 1);
    assert.match(said, /^no certificate for shop.example.org from https:\/\/acme.example.org\/dir:\nacme: error: 400$/);
    assert.equal(read("etc/bascule/tls/shop.example.org/issued.json"), before);
  }).timeout(20_000);

  it("registers again with an authority that lost the account", async () => {
    await obtain(spec);
    writeFileSync(join(root, "fake/lego-forgot"), "");
    const { code, said } = await obtain({ ...spec, domains: ["shop.example.org"] });
    assert.equal(code, 0, said);
    assert.match(said, /does not know the account any more: registering it again\n.*because the request changed/);
  }).timeout(20_000);

  const metric = (name: string) =>
    Number(
      new RegExp(`^tls_certificate_${name}{domain="shop.example.org"} (\\d+)$`, "m").exec(
        read("var/lib/prometheus/node-exporter/tls.prom"),
      )?.[1],
    );

  it("exports its end, its life and when it was looked at, for everybody to read", async () => {
    valid(-10, 35);
    await obtain(spec);
    assert.ok(Math.abs(metric("expiry_seconds") * 1000 - (Date.now() + 35 * day)) < 60_000);
    assert.equal(metric("lifetime_seconds"), 45 * 86_400);
    assert.ok(Math.abs(metric("checked_seconds") * 1000 - Date.now()) < 60_000);
    assert.equal(metric("renewal_failed"), 0);
    assert.equal(statSync(join(root, "var/lib/prometheus/node-exporter/tls.prom")).mode & 0o777, 0o644);
  });

  it("exports a failed renewal beside the end of the present one, and no certificate as one that has ended", async () => {
    await obtain(spec);
    writeFileSync(join(root, "fake/lego-fails"), "9");
    await obtain({ ...spec, domains: ["shop.example.org"] });
    assert.equal(metric("renewal_failed"), 1);
    assert.ok(metric("expiry_seconds") * 1000 > Date.now());
    rmSync(join(root, "etc/bascule/tls/shop.example.org/fullchain.pem"));
    assert.equal((await obtain(spec)).code, 1);
    assert.equal(metric("expiry_seconds"), 0);
  }).timeout(20_000);

  it("names the API and the zone when the token does not see it", async () => {
    const { said } = await obtain({ ...spec, zone: "shop.example.org", domains: ["shop.example.org"] });
    assert.match(said, /the token sees no zone shop.example.org at http:\/\/127.0.0.1:/);
  }).timeout(20_000);
});
