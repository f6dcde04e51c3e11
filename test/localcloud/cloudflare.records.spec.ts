import assert from "node:assert/strict";
import type Cloudflare from "cloudflare";
import { apiError, CloudflareUnderTest, CountingEdge } from "../support/cloudflare.ts";

const ZONE = "girlycrea.test";

describe("the Cloudflare API: DNS records", () => {
  const cloud = new CloudflareUnderTest(() => new CountingEdge());
  let cf: Cloudflare;
  let zone_id: string;

  before(async () => {
    await cloud.listen();
    cf = cloud.client();
    const zone = await cf.zones.create({ name: ZONE, account: { id: cloud.instance.accountId }, type: "full" });
    zone_id = zone.id;
  });
  after(() => cloud.close());

  /** As a careless client sends it: whatever the type says. */
  function post(body: Record<string, unknown>): Promise<{ result: Record<string, unknown> & { id: string } }> {
    return cf.post(`/zones/${zone_id}/dns_records`, { body });
  }

  const refused: [string, Record<string, unknown>, number, string | RegExp][] = [
    [
      "no address in an A record",
      { type: "A", content: "198.18.0" },
      9005,
      "Content for A record must be a valid IPv4 address.",
    ],
    [
      "IPv4 in an AAAA record",
      { type: "AAAA", content: "192.0.2.1" },
      9006,
      "Content for AAAA record must be a valid IPv6 address.",
    ],
    ["an address in a CNAME", { type: "CNAME", content: "192.0.2.1" }, 9007, "Content for CNAME record is invalid."],
    ["an empty TXT", { type: "TXT", content: "" }, 9010, "Content for TXT record is invalid."],
    ["an MX without priority", { type: "MX", content: "mail.test" }, 9101, "priority is a required data field"],
    [
      "a null MX with a priority",
      { type: "MX", content: ".", priority: 10 },
      9009,
      "Content for MX record is invalid.",
    ],
    ["a CAA without data", { type: "CAA", content: "0 issue x" }, 9101, "data.flags is a required data field"],
    [
      "an SRV without target",
      { type: "SRV", data: { priority: 1, weight: 1, port: 1 } },
      9101,
      "data.target is a required data field",
    ],
    [
      "a lifetime under a minute",
      { type: "A", content: "192.0.2.1", ttl: 59 },
      9021,
      /^Invalid TTL\. Must be between 60 and 86400/,
    ],
    ["a proxied TXT", { type: "TXT", content: "x", proxied: true }, 9004, "This record type cannot be proxied."],
    ["a bad name", { type: "A", name: "a..b", content: "192.0.2.1" }, 9000, "DNS name is invalid."],
    ["a star in the middle", { type: "A", name: "a.*.b", content: "192.0.2.1" }, 9000, "DNS name is invalid."],
    ["an unknown type", { type: "WKS", content: "x" }, 1004, "DNS Validation Error"],
    ["an unknown field", { type: "A", content: "192.0.2.1", proxy: true }, 9207, /proxy/],
    ["no type at all", { content: "192.0.2.1" }, 9207, /type/],
  ];
  for (const [what, body, code, message] of refused) {
    it(`refuses ${what}`, async () => {
      await assert.rejects(post({ name: "refused", ttl: 1, ...body }), apiError(400, code, message));
    });
  }

  it("refuses what is there already, and a CNAME beside an address", async () => {
    await post({ type: "A", name: "taken", content: "192.0.2.1", ttl: 60 });
    const identical = apiError(400, 81058, "An identical record already exists.");
    await assert.rejects(post({ type: "A", name: `TAKEN.${ZONE}.`, content: "192.0.2.1", ttl: 120 }), identical);
    const beside = post({ type: "CNAME", name: "taken", content: "other.test", ttl: 1 });
    await assert.rejects(beside, apiError(400, 81053, "An A, AAAA, or CNAME record with that host already exists."));
    await post({ type: "CNAME", name: "alias", content: "other.test", ttl: 1 });
    const address = post({ type: "A", name: "alias", content: "192.0.2.1", ttl: 1 });
    await assert.rejects(address, apiError(400, 81054, "A CNAME record with that host already exists."));
    await post({ type: "A", name: "taken", content: "192.0.2.2", ttl: 60 });
    await post({ type: "TXT", name: "alias", content: "beside", ttl: 60 });
  });

  it("answers 404 for a record that is not there, also in another zone", async () => {
    const { result } = await post({ type: "A", name: "here", content: "192.0.2.1", ttl: 60 });
    const other = await cf.zones.create({
      name: "other.test",
      account: { id: cloud.instance.accountId },
      type: "full",
    });
    const gone = apiError(404, 81044, "Record does not exist.");
    await assert.rejects(cf.dns.records.get(result.id, { zone_id: other.id }), gone);
    await cf.dns.records.delete(result.id, { zone_id });
    await assert.rejects(cf.dns.records.get(result.id, { zone_id }), gone);
    await assert.rejects(cf.dns.records.delete(result.id, { zone_id }), gone);
  });

  it("refuses to make another type of a record", async () => {
    const { result } = await post({ type: "A", name: "typed", content: "192.0.2.1", ttl: 60 });
    const change = cf.dns.records.update(result.id, { zone_id, type: "TXT", name: "typed", content: "x", ttl: 60 });
    await assert.rejects(change, apiError(400, 9207, /The type of a record cannot be changed from A to TXT/));
  });

  const kinds: [string, Record<string, unknown>, Record<string, unknown>][] = [
    ["A", { type: "A", content: "192.0.2.7", ttl: 60, comment: "by hand" }, { content: "192.0.2.7", proxiable: true }],
    ["AAAA", { type: "AAAA", content: "2001:db8::1", ttl: 1 }, { content: "2001:db8::1", ttl: 1 }],
    ["proxied A", { type: "A", content: "192.0.2.8", ttl: 1, proxied: true }, { proxied: true, ttl: 1 }],
    [
      "CNAME",
      { type: "CNAME", content: "Target.Test", ttl: 300, settings: { flatten_cname: false } },
      { content: "Target.Test", settings: { flatten_cname: false } },
    ],
    ["TXT", { type: "TXT", content: "v=spf1 -all", ttl: 3600 }, { content: "v=spf1 -all", proxiable: false }],
    ["MX", { type: "MX", content: "mail.test", priority: 0, ttl: 1 }, { priority: 0 }],
    ["null MX", { type: "MX", content: ".", priority: 0, ttl: 1 }, { content: "." }],
    [
      "CAA",
      { type: "CAA", data: { flags: 0, tag: "issue", value: "pki.test" }, ttl: 1 },
      { content: '0 issue "pki.test"', data: { flags: 0, tag: "issue", value: "pki.test" } },
    ],
    [
      "SRV",
      { type: "SRV", data: { priority: 5, weight: 1, port: 443, target: "a.test" }, ttl: 1 },
      { content: "1 443 a.test" },
    ],
  ];
  for (const [kind, body, expected] of kinds) {
    it(`makes, reads, replaces and deletes a record ${kind}, and echoes all that was set`, async () => {
      const name = `kind-${kind.toLowerCase().replace(" ", "-")}.${ZONE}`;
      const { result } = await post({ name, tags: [], ...body });
      const read: Record<string, unknown> = { ...(await cf.dns.records.get(result.id, { zone_id })) };
      for (const [key, value] of Object.entries({ name, ...body, ...expected })) {
        assert.deepEqual(read[key], value, key);
      }
      await cf.put(`/zones/${zone_id}/dns_records/${result.id}`, { body: { name, ...body, settings: {}, tags: [] } });
      const patched = await cf.dns.records.edit(result.id, {
        zone_id,
        comment: "later",
      } as Cloudflare.DNS.RecordEditParams);
      assert.equal(patched.comment, "later");
      assert.equal(patched.content, read.content);
      await cf.dns.records.delete(result.id, { zone_id });
    });
  }

  it("lists by name, type and content, in the forms the official client sends", async () => {
    await post({ type: "A", name: "list-a", content: "192.0.2.50", ttl: 60 });
    await post({ type: "TXT", name: "list-a", content: "hello world", ttl: 60 });
    await post({ type: "A", name: "list-b", content: "192.0.2.51", ttl: 60 });
    const names = async (query: Omit<Cloudflare.DNS.RecordListParams, "zone_id">) =>
      (await cf.dns.records.list({ zone_id, ...query })).result.map((record) => `${record.name} ${record.type}`);
    const a = `list-a.${ZONE}`;
    assert.deepEqual((await names({ name: { exact: a } })).sort(), [`${a} A`, `${a} TXT`]);
    assert.deepEqual(await names({ name: { exact: a }, type: "TXT" }), [`${a} TXT`]);
    assert.deepEqual(await names({ name: { startswith: "list-" }, content: { endswith: ".51" } }), [
      `list-b.${ZONE} A`,
    ]);
    assert.deepEqual(await names({ content: { contains: "HELLO" } }), [`${a} TXT`]);
    assert.deepEqual(await names({ name: { exact: "nobody.test" } }), []);
    assert.equal((await names({ match: "any", content: { exact: "192.0.2.51" }, name: { exact: a } })).length, 3);
    const plain: { result: unknown[] } = await cf.get(`/zones/${zone_id}/dns_records?name=${a}&type=A`);
    assert.equal(plain.result.length, 1);
  });

  it("pages, and answers an empty page past the end", async () => {
    const all = (await cf.dns.records.list({ zone_id })).result.length;
    const seen: string[] = [];
    for await (const record of cf.dns.records.list({ zone_id, per_page: 2 })) {
      seen.push(String(record.id));
    }
    assert.equal(new Set(seen).size, all);
    assert.deepEqual((await cf.dns.records.list({ zone_id, page: 99 })).result, []);
  });
});
