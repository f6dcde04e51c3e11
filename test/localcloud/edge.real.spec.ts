import assert from "node:assert/strict";
import { Resolver } from "node:dns/promises";
import { connect } from "node:tls";
import type Cloudflare from "cloudflare";
import { mailRecords } from "../../components/mail-records.ts";
import { type EdgeClient, EdgeWorld } from "../support/edge-world.ts";
import { parsedMail, wholeMail } from "../support/mail.ts";

const ZONE = "girlycrea.test";

describe("the data plane in containers", function () {
  this.timeout(60_000);
  const world = new EdgeWorld();
  const resolver = new Resolver({ timeout: 1000, tries: 2 });
  let cf: Cloudflare;
  let client: EdgeClient;
  let zone: string;
  const addresses = { blue: world.address(10), green: world.address(11) };

  before(async () => {
    await world.start();
    await Promise.all([world.origin("blue", 10), world.origin("green", 11)]);
    cf = world.cloud.client();
    resolver.setServers([world.core.dns]);
    const made = await cf.zones.create({ name: ZONE, account: { id: world.cloud.instance.accountId }, type: "full" });
    zone = made.id;
    client = await world.client();
  });

  after(async () => {
    await client?.close();
    await world.close();
  });

  function record(fields: Omit<Cloudflare.DNS.RecordCreateParams.ARecord, "zone_id" | "ttl" | "type">, ttl = 1) {
    return cf.dns.records.create({ zone_id: zone, ttl, type: "A", ...fields });
  }

  describe("DNS", () => {
    it("refuses names of other zones, and says which names of its own do not exist", async () => {
      await assert.rejects(resolver.resolve4("www.elsewhere.test"), { code: "EREFUSED" });
      await assert.rejects(resolver.resolve4(`nothing.${ZONE}`), { code: "ENOTFOUND" });
    });

    it("answers every kind of record with its lifetime, long ones over TCP", async () => {
      const long = `a "quoted" ${"long".repeat(500)}`;
      const add = (fields: Cloudflare.DNS.RecordCreateParams) => cf.dns.records.create(fields);
      await record({ name: `www.${ZONE}`, content: addresses.blue }, 60);
      await add({ zone_id: zone, ttl: 1, type: "AAAA", name: `six.${ZONE}`, content: "2001:db8::7" });
      await add({ zone_id: zone, ttl: 1, type: "CNAME", name: `alias.${ZONE}`, content: `www.${ZONE}` });
      await add({ zone_id: zone, ttl: 1, type: "MX", name: ZONE, content: `mail.${ZONE}`, priority: 10 });
      await add({ zone_id: zone, ttl: 1, type: "TXT", name: ZONE, content: long });
      await add({
        zone_id: zone,
        ttl: 1,
        type: "CAA",
        name: ZONE,
        data: { flags: 0, tag: "issue", value: "pki.test" },
      });
      const data = { priority: 1, weight: 2, port: 5060, target: `www.${ZONE}` };
      await add({ zone_id: zone, ttl: 1, type: "SRV", name: `_sip._tcp.${ZONE}`, data });

      assert.deepEqual(await resolver.resolve4(`www.${ZONE}`, { ttl: true }), [{ address: addresses.blue, ttl: 60 }]);
      assert.deepEqual(await resolver.resolve6(`six.${ZONE}`, { ttl: true }), [{ address: "2001:db8::7", ttl: 300 }]);
      assert.deepEqual(await resolver.resolve4(`alias.${ZONE}`), [addresses.blue]);
      assert.equal((await resolver.resolveMx(ZONE))[0]?.exchange, `mail.${ZONE}`);
      assert.equal((await resolver.resolveTxt(ZONE))[0]?.join(""), long);
      assert.equal((await resolver.resolveCaa(ZONE))[0]?.issue, "pki.test");
      assert.equal((await resolver.resolveSrv(`_sip._tcp.${ZONE}`))[0]?.port, 5060);
      assert.equal((await resolver.resolveNs(ZONE)).length, 2);
      await assert.rejects(resolver.resolve4(`_tcp.${ZONE}`), { code: "ENODATA" });
    });

    it("answers a company's mail records, word for word", async () => {
      const mail = "mail.test";
      const { id } = await cf.zones.create({
        name: mail,
        account: { id: world.cloud.instance.accountId },
        type: "full",
      });
      const quiet = mailRecords(parsedMail({ mx: ["0 ."] }), `quiet.${mail}`);
      for (const { label: _, ...fields } of [...mailRecords(parsedMail(wholeMail), mail), ...quiet]) {
        await cf.post(`/zones/${id}/dns_records`, { body: { ...fields, ttl: 3600, proxied: false } });
      }
      const txt = async (name: string) => (await resolver.resolveTxt(name)).map((strings) => strings.join(""));
      const mx = async (name: string) =>
        (await resolver.resolveMx(name)).map(({ exchange, priority }) => `${priority} ${exchange}.`).sort();
      assert.deepEqual(await mx(`quiet.${mail}`), ["0 ."]);
      assert.deepEqual(await mx(mail), ["10 mx1.mailhost.example.", "20 mx2.mailhost.example."]);
      assert.deepEqual(await txt(mail), ["v=spf1 mx include:_spf.mailhost.example ip4:203.0.113.7 -all"]);
      assert.deepEqual(await txt(`s2026._domainkey.${mail}`), [`v=DKIM1; k=rsa; p=${wholeMail.dkim.s2026}`]);
      assert.deepEqual(await txt(`_dmarc.${mail}`), [
        "v=DMARC1; p=reject; pct=50; rua=mailto:dmarc@girlycrea.test; aspf=s",
      ]);
      assert.deepEqual((await resolver.resolveCaa(mail)).map(({ issue }) => issue).sort(), [
        "letsencrypt.org; validationmethods=dns-01",
        "pki.goog",
      ]);
    });

    it("answers a change at once, and a name that was deleted no longer", async () => {
      const { id } = await record({ name: `moving.${ZONE}`, content: addresses.blue }, 60);
      assert.deepEqual(await resolver.resolve4(`moving.${ZONE}`), [addresses.blue]);
      await cf.dns.records.edit(id, {
        zone_id: zone,
        name: `moving.${ZONE}`,
        ttl: 60,
        type: "A",
        content: addresses.green,
      });
      assert.deepEqual(await resolver.resolve4(`moving.${ZONE}`), [addresses.green]);
      await cf.dns.records.delete(id, { zone_id: zone });
      await assert.rejects(resolver.resolve4(`moving.${ZONE}`), { code: "ENOTFOUND" });
    });
  });

  describe("a proxied record", () => {
    let id: string;

    it("answers the edge's address and goes through it to the origin over TLS", async () => {
      ({ id } = await record({ name: `one.${ZONE}`, content: addresses.blue, proxied: true }));
      assert.deepEqual(await resolver.resolve4(`one.${ZONE}`, { ttl: true }), [{ address: world.core.edge, ttl: 300 }]);
      const answer = await client.get(`https://one.${ZONE}/x`, { "x-forwarded-for": "192.0.2.9" });
      const echo = JSON.parse(answer.body);
      assert.equal(answer.status, 200);
      assert.deepEqual([echo.side, echo.sni, echo.host, echo.proto], ["blue", `one.${ZONE}`, `one.${ZONE}`, "https"]);
      assert.equal(echo.client, world.core.gateway);
      assert.match(echo.ray, /^[0-9a-f]{16}-LCL$/);
      assert.equal(answer.headers["cf-ray"], echo.ray);
      assert.equal(answer.headers["set-cookie"], undefined);
    });

    it("speaks HTTP/2 with a certificate of the instance's authority, and nothing for a foreign name", async () => {
      const { rootCa } = await world.cloud.edge.acme();
      assert.equal(await alpn(world.core.edge, `one.${ZONE}`, rootCa), "h2");
      await assert.rejects(alpn(world.core.edge, "www.elsewhere.test", rootCa));
      await assert.rejects(alpn(world.core.edge, `one.${ZONE}`, undefined), /self-signed|unable to/);
    });

    it("obeys a changed address at once, on the same connection", async () => {
      await cf.dns.records.update(id, {
        zone_id: zone,
        name: `one.${ZONE}`,
        ttl: 1,
        type: "A",
        content: addresses.green,
        proxied: true,
      });
      assert.equal((await client.get(`https://one.${ZONE}/`)).side, "green");
    });

    it("answers 521 for an origin that is down, 409 for a name it does not know", async () => {
      await record({ name: `down.${ZONE}`, content: world.core.dns, proxied: true });
      assert.equal((await client.get(`https://down.${ZONE}/`)).status, 521);
      assert.equal((await client.get(`https://unknown.${ZONE}/`)).status, 409);
    });

    it("redirects to HTTPS only where the zone says so", async () => {
      assert.equal((await client.get(`http://one.${ZONE}/`)).side, "green");
      await cf.zones.settings.edit("always_use_https", { zone_id: zone, value: "on" });
      const answer = await client.get(`http://one.${ZONE}/a?b=c`);
      assert.equal(answer.status, 301);
      assert.equal(answer.headers.location, `https://one.${ZONE}/a?b=c`);
    });

    it("refuses the origin's self-signed certificate in mode strict", async () => {
      await cf.zones.settings.edit("ssl", { zone_id: zone, value: "strict" });
      assert.equal((await client.get(`https://one.${ZONE}/`)).status, 526);
      await cf.zones.settings.edit("ssl", { zone_id: zone, value: "full" });
      assert.equal((await client.get(`https://one.${ZONE}/`)).side, "green");
    });
  });

  describe("when something breaks", () => {
    it("makes a container again that somebody removed", async () => {
      await world.remove("edge");
      await record({ name: `again.${ZONE}`, content: addresses.blue, proxied: true });
      assert.equal((await client.get(`https://again.${ZONE}/`)).side, "blue");
    });

    it("trusts what was signed before the certificate authority was restarted, and what is signed after", async () => {
      const { rootCa: before } = await world.cloud.edge.acme();
      await world.restart("acme");
      const { rootCa: after } = await world.cloud.edge.acme();
      assert.ok(after.endsWith(before) && after.length > before.length);
      const name = "second.test";
      const made = await cf.zones.create({ name, account: { id: world.cloud.instance.accountId }, type: "full" });
      await cf.dns.records.create({
        zone_id: made.id,
        ttl: 1,
        type: "A",
        name,
        content: addresses.green,
        proxied: true,
      });
      const later = await world.client();
      assert.equal((await later.get(`https://${name}/`)).side, "green");
      assert.equal((await later.get(`https://again.${ZONE}/`)).side, "blue");
      await later.close();
      await assert.rejects(alpn(world.core.edge, name, before));
    });
  });
});

function alpn(host: string, servername: string, ca: string | undefined): Promise<string | false | null> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: 443, servername, ca, ALPNProtocols: ["h2", "http/1.1"] }, () => {
      socket.end();
      resolve(socket.alpnProtocol);
    });
    socket.once("error", reject);
  });
}
