import assert from "node:assert/strict";
import type Cloudflare from "cloudflare";
import { apiError, CloudflareUnderTest, CountingEdge } from "../support/cloudflare.ts";

describe("the Cloudflare API: access, accounts, zones and settings", () => {
  const cloud = new CloudflareUnderTest(() => new CountingEdge());
  let cf: Cloudflare;

  before(async () => {
    await cloud.listen();
    cf = cloud.client();
  });
  after(() => cloud.close());

  const make = (name: string) => cf.zones.create({ name, account: { id: cloud.instance.accountId }, type: "full" });

  describe("access", () => {
    it("refuses a call without a token, with a malformed one and with a wrong one", async () => {
      const answer = await fetch(`${cloud.baseUrl}/zones`);
      assert.equal(answer.status, 400);
      assert.deepEqual(await answer.json(), {
        success: false,
        errors: [{ code: 9106, message: "Missing X-Auth-Key, X-Auth-Email or Authorization headers" }],
        messages: [],
        result: null,
      });
      await assert.rejects(cloud.client("short").zones.list(), apiError(400, 6003, "Invalid request headers"));
      const wrong = cloud.client("x".repeat(40));
      await assert.rejects(wrong.zones.list(), apiError(403, 9109, "Invalid access token"));
      await assert.rejects(wrong.user.tokens.verify(), apiError(401, 1000, "Invalid API Token"));
    });

    it("verifies the right one", async () => {
      assert.equal((await cf.user.tokens.verify())?.status, "active");
    });

    it("has one account, and nothing to say of others", async () => {
      const foreign = "f".repeat(32);
      await assert.rejects(cf.accounts.get({ account_id: foreign }), apiError(403, 10000, "Authentication error"));
      assert.equal((await cf.accounts.get({ account_id: cloud.instance.accountId })).id, cloud.instance.accountId);
      const all = await cf.accounts.list();
      assert.deepEqual(
        all.result.map((account) => account.id),
        [cloud.instance.accountId],
      );
    });

    it("answers in its own words for routes it does not have, bad JSON, and a data plane that does not follow", async () => {
      await assert.rejects(cf.get("/nothing"), apiError(404, 7003, /^Could not route to \/client\/v4\/nothing/));
      const headers = { authorization: `Bearer ${cloud.instance.cloudflareToken}`, "content-type": "application/json" };
      const bad = await fetch(`${cloud.baseUrl}/zones`, { method: "POST", headers, body: "{" });
      assert.equal(bad.status, 400);
      cloud.edge.failure = new Error("no Docker");
      const answer = await fetch(`${cloud.baseUrl}/zones`, { method: "POST", headers, body: '{"name":"broken.test"}' });
      cloud.edge.failure = null;
      assert.equal(answer.status, 500);
      assert.equal(answer.headers.get("x-should-retry"), "false");
      const [made] = (await cf.zones.list({ name: "broken.test" })).result;
      await cf.zones.delete({ zone_id: made?.id ?? "" });
    });
  });

  describe("zones", () => {
    it("refuses what is no domain, what exists, unknown fields and a foreign account", async () => {
      await make("taken.test");
      await assert.rejects(make("taken.test"), apiError(400, 1061, "taken.test already exists"));
      await assert.rejects(make("not a domain"), apiError(400, 1049, "not a domain is not a registered domain"));
      await assert.rejects(make("test"), apiError(400, 1049, "test is not a registered domain"));
      const foreign = cf.zones.create({ name: "a.test", account: { id: "f".repeat(32) }, type: "full" });
      await assert.rejects(foreign, apiError(403, 10000, "Authentication error"));
      const body = { name: "b.test", nonsense: 1 };
      await assert.rejects(cf.post("/zones", { body }), apiError(400, 9207, /^Request body is invalid\. .*nonsense/));
    });

    it("answers 404 for a zone that is not there, or not there any more", async () => {
      const zone_id = "0".repeat(32);
      await assert.rejects(cf.zones.get({ zone_id }), apiError(404, 1001, "Invalid zone identifier"));
      await assert.rejects(
        cf.zones.get({ zone_id: "short" }),
        apiError(404, 7003, /^Could not route to \/zones\/short/),
      );
      await assert.rejects(
        cf.dns.records.list({ zone_id }),
        apiError(404, 7003, /perhaps your object identifier is invalid/),
      );
    });

    it("makes, reads, changes and deletes one, with all that is in it, and the data plane follows each time", async () => {
      const before = cloud.edge.applied;
      const zone = await make("Whole.Test");
      assert.equal(zone.name, "whole.test");
      assert.equal(zone.status, "active");
      assert.equal(zone.account.id, cloud.instance.accountId);
      assert.equal(zone.name_servers.length, 2);
      await cf.dns.records.create({ zone_id: zone.id, type: "A", name: "www", content: "192.0.2.1", ttl: 1 });
      assert.equal((await cf.zones.edit({ zone_id: zone.id, paused: true })).paused, true);
      assert.equal((await cf.zones.get({ zone_id: zone.id })).paused, true);
      assert.equal((await cf.zones.delete({ zone_id: zone.id }))?.id, zone.id);
      assert.equal(cloud.edge.applied, before + 4);
      await assert.rejects(cf.zones.get({ zone_id: zone.id }), apiError(404, 1001, "Invalid zone identifier"));
      assert.deepEqual(cloud.store.collection<{ id: string; zone_id: string }>("cloudflare.records").all(), []);
    });

    it("lists by name and account, page by page, and nothing past the end", async () => {
      await make("one.listed.test");
      await make("two.listed.test");
      assert.deepEqual(
        (await cf.zones.list({ name: "one.listed.test" })).result.map((zone) => zone.name),
        ["one.listed.test"],
      );
      assert.equal((await cf.zones.list({ name: "contains:listed" })).result.length, 2);
      assert.equal((await cf.zones.list({ name: "nobody.test" })).result.length, 0);
      assert.equal((await cf.zones.list({ account: { id: "f".repeat(32) } })).result.length, 0);
      const first = await cf.zones.list({ name: "ends_with:listed.test", per_page: 5 });
      assert.equal(first.result_info.page, 1);
      const past = await cf.zones.list({ name: "ends_with:listed.test", page: 2, per_page: 5 });
      assert.deepEqual(past.result, []);
      const seen: string[] = [];
      for await (const zone of cf.zones.list({ name: "contains:listed", per_page: 1 })) {
        seen.push(zone.name);
      }
      assert.deepEqual(seen, ["one.listed.test", "two.listed.test"]);
    });
  });

  describe("zone settings", () => {
    it("refuses a setting that does not exist and a value that is not allowed", async () => {
      const { id: zone_id } = await make("strict.test");
      const edit = (setting: string, value: unknown) =>
        cf.zones.settings.edit(setting, { zone_id, value: value as "on" });
      await assert.rejects(edit("sll", "on"), apiError(400, 1006, "Unrecognized zone setting name: sll"));
      await assert.rejects(edit("ssl", "sometimes"), apiError(400, 1007, "Invalid value for zone setting ssl"));
      await assert.rejects(
        edit("min_tls_version", "1.4"),
        apiError(400, 1007, "Invalid value for zone setting min_tls_version"),
      );
      await assert.rejects(
        edit("always_use_https", undefined),
        apiError(400, 1007, "Invalid value for zone setting always_use_https"),
      );
    });

    it("starts from the first values and keeps what was changed", async () => {
      const { id: zone_id } = await make("settled.test");
      const get = async (setting: string) => {
        const found: { id?: string; value?: unknown } = (await cf.zones.settings.get(setting, { zone_id })) ?? {};
        return found.value;
      };
      assert.equal(await get("ssl"), "full");
      await cf.zones.settings.edit("ssl", { zone_id, value: "strict" });
      await cf.zones.settings.edit("browser_cache_ttl", { zone_id, value: 0 as never });
      assert.equal(await get("ssl"), "strict");
      assert.equal(await get("browser_cache_ttl"), 0);
      assert.equal(await get("min_tls_version"), "1.0");
    });
  });
});
