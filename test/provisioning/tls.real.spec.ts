import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { renderTls, type TlsSpec } from "../../provisioning/tls/render.ts";
import { startServer, type TestServer } from "./server.ts";
import { tls } from "./specs.ts";

const [domain = ""] = tls.domains;
const pebble = {
  pebble: {
    listenAddress: "127.0.0.1:14000",
    managementListenAddress: "127.0.0.1:15000",
    certificate: "/opt/acme/directory.pem",
    privateKey: "/opt/acme/directory.key",
    httpPort: 5002,
    tlsPort: 5001,
    ocspResponderURL: "",
    externalAccountBindingRequired: false,
    // Two spellings of one thing: Pebble 2.4 and 2.6.
    certificateValidityPeriod: 7_776_000,
    profiles: { default: { description: "90 days", validityPeriod: 7_776_000 } },
  },
};

/** Real lego, a real authority that believes every answer, an API that keeps records, and an nginx that counts its reloads. */
async function startAuthority(server: TestServer): Promise<string> {
  const api = readFileSync(new URL("./fakes/dns_api.py", import.meta.url)).toString("base64");
  const config = Buffer.from(JSON.stringify(pebble)).toString("base64");
  return server.asRoot(`
    apt-get update -qq >/dev/null; apt-get install -y -qq --no-install-recommends pebble >/dev/null 2>&1
    mkdir -p /opt/acme; cd /opt/acme
    base64 -d <<<${api} >dns_api.py; base64 -d <<<${config} >pebble.json
    curve='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'
    openssl req -x509 $curve -days 9 -subj "/CN=directory" -keyout ca.key -out ca.pem 2>/dev/null
    openssl req $curve -subj "/CN=127.0.0.1" -keyout directory.key -out directory.csr 2>/dev/null
    printf 'subjectAltName=IP:127.0.0.1\\nextendedKeyUsage=serverAuth\\n' >extensions
    openssl x509 -req -in directory.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 9 -extfile extensions -out directory.pem 2>/dev/null
    printf '[Service]\\nExecStart=/bin/sleep infinity\\nExecReload=/bin/sh -c "echo reload >>/opt/acme/reloads"\\n' >/etc/systemd/system/nginx.service
    touch reloads; systemctl daemon-reload; systemctl start nginx
    systemd-run --quiet --unit dns-api python3 /opt/acme/dns_api.py 8055
    systemd-run --quiet --unit authority -E PEBBLE_VA_ALWAYS_VALID=1 -E PEBBLE_VA_NOSLEEP=1 -E PEBBLE_WFE_NONCEREJECT=0 \
      pebble -config /opt/acme/pebble.json
    until curl -s --cacert ca.pem -o /dev/null https://127.0.0.1:14000/dir; do sleep 0.2; done
    cat ca.pem`);
}

for (const [index, image] of (["debian-13", "debian-12"] as const).entries()) {
  describe(`certificate on ${image}`, function () {
    this.timeout(180_000);
    let server: TestServer;
    let spec: TlsSpec;
    const state = process.env.XDG_STATE_HOME;
    const ownState = mkdtempSync(join(tmpdir(), "bascule-state-"));
    const apply = async (change: Partial<TlsSpec> = {}) => {
      const { code, body } = await server.apply(renderTls({ ...spec, ...change }));
      assert.equal(code, 0, JSON.stringify(body));
    };
    const serial = () =>
      server.asRoot(
        `openssl x509 -noout -serial -in /etc/bascule/tls/${domain}/fullchain.pem; wc -l </opt/acme/reloads`,
      );
    /** What the timer does. */
    const renew = () => server.asRoot("systemctl start bascule-tls.service");
    /** Puts a certificate in its place that lacks a name, as if somebody had: due at the next look, whatever the clock says. */
    const spoil = () =>
      server.asRoot(`cd /etc/bascule/tls/${domain}
        openssl req -x509 -key key.pem -days 80 -subj /CN=${domain} -addext subjectAltName=DNS:${domain} -out fullchain.pem 2>/dev/null`);

    before(async () => {
      process.env.XDG_STATE_HOME = ownState;
      server = await startServer({ image, id: index + 1 });
      const directoryCa = await startAuthority(server);
      spec = {
        ...tls,
        image,
        directoryCa: `${directoryCa}\n`,
        directory: "https://127.0.0.1:14000/dir",
        dnsApi: "http://127.0.0.1:8055",
      };
      await apply();
    });

    after(async () => {
      await server?.remove();
      if (state === undefined) delete process.env.XDG_STATE_HOME;
      else process.env.XDG_STATE_HOME = state;
      rmSync(ownState, { recursive: true });
    });

    it("is there before anybody needs it, with an elliptic key that only root reads", async () => {
      const text = await server.asRoot(
        `cd /etc/bascule/tls/${domain}; stat -c %a%U key.pem; openssl x509 -noout -text -in fullchain.pem`,
      );
      assert.match(text, /^600root\n[\s\S]*id-ecPublicKey[\s\S]*NIST CURVE: P-256/);
      for (const name of tls.domains) assert.ok(text.includes(`DNS:${name}`), text);
      assert.equal((await server.hostctl("check")).code, 0);
    });

    it("is renewed by its timer's unit inside a sandbox, and only then nginx is told", async () => {
      const said = await server.asRoot("systemd-analyze security --no-pager bascule-tls.service | tail -n 1");
      assert.ok(Number(/: ([\d.]+) /.exec(said)?.[1]) <= 3, said);
      assert.equal(await server.asRoot("systemctl is-active bascule-tls.timer"), "active");
      const before = await serial();
      await renew();
      assert.equal(await serial(), before, "a good one is left alone, and nginx with it");
      await spoil();
      await renew();
      const [fresh = "", reloads] = (await serial()).split("\n");
      assert.ok(!before.includes(fresh), "a new one");
      assert.equal(Number(reloads), Number(before.split("\n")[1]) + 1);
    });

    it("exports when it ends, readable by the exporter's user", async () => {
      const text = await server.asRoot("runuser -u nobody -- cat /var/lib/prometheus/node-exporter/tls.prom");
      const end = Number(/^tls_certificate_expiry_seconds{domain="shop.example.org"} (\d+)$/m.exec(text)?.[1]);
      const days = (end - Date.now() / 1000) / 86_400;
      assert.ok(days > 80 && days < 91, `${days} days`);
      assert.match(text, /^tls_certificate_renewal_failed{domain="shop.example.org"} 0$/m);
    });

    it("comes from an authority that forgot the account, as a test authority does at every restart", async () => {
      const [before] = (await serial()).split("\n");
      await server.asRoot(
        "systemctl stop authority 2>/dev/null; systemd-run --quiet --unit authority2 -E PEBBLE_VA_ALWAYS_VALID=1 -E PEBBLE_VA_NOSLEEP=1 -E PEBBLE_WFE_NONCEREJECT=0 pebble -config /opt/acme/pebble.json; until curl -s --cacert /opt/acme/ca.pem -o /dev/null https://127.0.0.1:14000/dir; do sleep 0.2; done",
      );
      await spoil();
      await renew();
      const [fresh = ""] = (await serial()).split("\n");
      assert.notEqual(fresh, before);
      assert.match(await server.asRoot("journalctl -u bascule-tls.service -o cat"), /registering it again/);
    });

    it("says so in its metric when it cannot be renewed, and keeps the one it has", async () => {
      await server.asRoot("systemctl stop authority2");
      await spoil();
      await assert.rejects(renew());
      const text = await server.asRoot("cat /var/lib/prometheus/node-exporter/tls.prom");
      assert.match(text, /^tls_certificate_renewal_failed{domain="shop.example.org"} 1$/m);
      assert.match(text, /^tls_certificate_expiry_seconds{domain="shop.example.org"} 1\d{9}$/m);
    });
  });
}
