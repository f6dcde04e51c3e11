import assert from "node:assert/strict";
import { compileSelector } from "../../localcloud/hetzner/protocol/selectors.ts";
import { HetznerUnderTest, KEY, OTHER_KEY, TOKEN } from "../support/hetzner.ts";

describe("Hetzner API: protocol", () => {
  let cloud: HetznerUnderTest;
  beforeEach(() => {
    cloud = new HetznerUnderTest();
  });
  afterEach(() => cloud.discard());

  describe("token", () => {
    const tokens: [string, string, string][] = [
      ["no token", "", "token is required"],
      ["another token", "x".repeat(64), "the token you have provided is invalid"],
      ["a shortened token", TOKEN.slice(1), "the token you have provided is invalid"],
    ];
    for (const [what, token, message] of tokens) {
      it(`refuses ${what}`, async () => {
        const { status, body } = await cloud.call("GET", "/servers", undefined, token);
        assert.equal(status, 401);
        assert.deepEqual(body, { error: { code: "unauthorized", message, details: null } });
      });
    }

    it("answers an unknown path before asking for a token", async () => {
      const { status, body } = await cloud.call("GET", "/nonsense", undefined, "");
      assert.equal(status, 404);
      assert.equal(body.error.code, "not_found");
    });
  });

  describe("requests", () => {
    it("names an unknown field", async () => {
      const error = await cloud.refused(422, "invalid_input", "POST", "/ssh_keys", {
        name: "a",
        public_key: KEY,
        color: 1,
      });
      assert.equal(error.message, "invalid input in field 'color': unknown field");
      assert.deepEqual(error.details.fields, [{ name: "color", messages: ["unknown field"] }]);
    });

    it("names every wrong field", async () => {
      const error = await cloud.refused(422, "invalid_input", "POST", "/ssh_keys", { name: "", public_key: 5 });
      assert.deepEqual(
        error.details.fields.map((field) => field.name),
        ["name", "public_key"],
      );
    });

    it("refuses broken JSON", async () => {
      const response = await cloud.app.inject({
        method: "POST",
        url: "/hetzner/v1/ssh_keys",
        headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
        payload: "{",
      });
      assert.equal(response.statusCode, 400);
      assert.equal(response.json().error.code, "json_error");
    });

    it("answers a missing resource with not_found as JSON", async () => {
      const { status, headers, body } = await cloud.call("GET", "/servers/4711");
      assert.equal(status, 404);
      assert.match(String(headers["content-type"]), /application\/json/);
      assert.deepEqual(body.error, { code: "not_found", message: "server with ID '4711' not found", details: null });
    });

    it("says in words what it does not offer", async () => {
      const body = { window: "22-02" };
      const error = await cloud.refused(422, "unsupported_error", "POST", "/servers/1/actions/enable_backup", body);
      assert.equal(error.message, "backups are not offered by the local cloud");
      await cloud.refused(404, "not_found", "GET", "/load_balancers");
    });

    it("reports the rate limit and a correlation id", async () => {
      const { headers } = await cloud.call("GET", "/locations");
      assert.equal(headers["ratelimit-limit"], "3600");
      assert.ok(Number(headers["ratelimit-remaining"]) < 3600);
      assert.ok(Number(headers["ratelimit-reset"]) >= Date.now() / 1000 - 1);
      assert.match(String(headers["x-correlation-id"]), /^[0-9a-f]{16}$/);
    });
  });

  describe("lists", () => {
    beforeEach(async () => {
      for (let index = 1; index <= 7; index += 1) {
        const labels = { parity: index % 2 === 0 ? "even" : "odd" };
        await cloud.ok("POST", "/firewalls", { name: `f${index}`, labels });
      }
    });

    const bounds: [string, string][] = [
      ["page=0", "page"],
      ["page=x", "page"],
      ["per_page=0", "per_page"],
      ["per_page=51", "per_page"],
      ["sort=color", "sort"],
      ["sort=name:up", "sort"],
      ["label_selector=a%3D%3D%3Db%20c", "label_selector"],
    ];
    for (const [query, field] of bounds) {
      it(`refuses ${decodeURIComponent(query)}`, async () => {
        const error = await cloud.refused(422, "invalid_input", "GET", `/firewalls?${query}`);
        assert.equal(error.details.fields[0]?.name, field);
      });
    }

    it("pages, with meta and Link", async () => {
      const { body, headers } = await cloud.call("GET", "/firewalls?page=2&per_page=3&sort=id");
      assert.deepEqual(
        body.firewalls.map((firewall) => firewall.name),
        ["f4", "f5", "f6"],
      );
      assert.deepEqual(body.meta.pagination, {
        page: 2,
        per_page: 3,
        previous_page: 1,
        next_page: 3,
        last_page: 3,
        total_entries: 7,
      });
      const link = String(headers.link);
      assert.match(
        link,
        /<http:[^>]*page=1[^>]*>; rel=prev, <[^>]*page=3[^>]*>; rel=next, <[^>]*page=3[^>]*>; rel=last/,
      );
    });

    it("ends: the last page has no next one, a page beyond it is empty", async () => {
      const last = await cloud.call("GET", "/firewalls?page=3&per_page=3");
      assert.equal(last.body.meta.pagination.next_page, null);
      assert.equal(last.body.firewalls.length, 1);
      const beyond = await cloud.call("GET", "/firewalls?page=4&per_page=3");
      assert.deepEqual(beyond.body.firewalls, []);
    });

    it("sorts by several keys, filters by name, selects by label", async () => {
      const sorted = await cloud.call("GET", "/firewalls?sort=name:desc&sort=id&label_selector=parity%3Deven");
      assert.deepEqual(
        sorted.body.firewalls.map((firewall) => firewall.name),
        ["f6", "f4", "f2"],
      );
      const named = await cloud.call("GET", "/firewalls?name=f3");
      assert.equal(named.body.meta.pagination.total_entries, 1);
      const unknown = await cloud.call("GET", "/firewalls?name=4711");
      assert.deepEqual(unknown.body.firewalls, []);
    });
  });

  describe("label selectors", () => {
    const labels = { env: "prod", tier: "web", "example.com/team": "a.b_c", empty: "" };
    const table: [string, boolean][] = [
      ["env", true],
      ["!env", false],
      ["missing", false],
      ["!missing", true],
      ["env=prod", true],
      ["env==prod", true],
      ["env == prod", true],
      ["env=dev", false],
      ["env!=dev", true],
      ["env!=prod", false],
      ["missing!=x", true],
      ["empty=", true],
      ["env in (dev, prod)", true],
      ["env in (dev)", false],
      ["missing in (x)", false],
      ["env notin (dev,test)", true],
      ["env notin (prod)", false],
      ["missing notin (x)", true],
      ["example.com/team=a.b_c", true],
      ["env=prod,tier=web", true],
      ["env=prod,tier=db", false],
      ["env in (prod,dev),!missing,tier", true],
    ];
    for (const [selector, expected] of table) {
      it(`${selector} is ${expected}`, () => assert.equal(compileSelector(selector)(labels), expected));
    }
    for (const selector of ["", "a,,b", "a in (x", "a in x)", "=x", "a=b=c", "-a", "a in ()(", "a b"]) {
      it(`refuses '${selector}'`, () => assert.throws(() => compileSelector(selector), { code: "invalid_input" }));
    }
    for (const bad of [{ "-x": "a" }, { x: "-a" }, { "hetzner.cloud/x": "a" }, { x: "a".repeat(64) }]) {
      it(`refuses the labels ${JSON.stringify(bad).slice(0, 40)}`, () =>
        cloud.refused(422, "invalid_input", "POST", "/firewalls", { name: "f", labels: bad }));
    }
  });

  describe("actions", () => {
    it("are not listed without ids", () => cloud.refused(410, "deprecated_api_endpoint", "GET", "/actions"));

    it("are listed by id, exactly those asked for", async () => {
      const first = await cloud.ok("POST", "/firewalls", { name: "a" });
      const second = await cloud.ok("POST", "/firewalls", { name: "b" });
      const ids = [first, second].map((body) => body.actions[0]?.id);
      const { body } = await cloud.call("GET", `/actions?id=${ids[0]}&id=${ids[1]}&page=1&sort=status&sort=id`);
      assert.deepEqual(
        body.actions.map((action) => [action.id, action.status, action.progress]),
        ids.map((id) => [id, "success", 100]),
      );
    });

    it("belong to their resource", async () => {
      const { firewall, actions } = await cloud.ok("POST", "/firewalls", { name: "a" });
      const id = actions[0]?.id;
      const own = await cloud.call("GET", `/firewalls/${firewall.id}/actions`);
      assert.deepEqual(
        own.body.actions.map((action) => action.id),
        [id],
      );
      assert.equal((await cloud.call("GET", `/firewalls/actions/${id}`)).status, 200);
      assert.equal((await cloud.call("GET", `/firewalls/${firewall.id}/actions/${id}`)).status, 200);
      await cloud.refused(404, "not_found", "GET", `/servers/actions/${id}`);
      await cloud.refused(404, "not_found", "GET", "/firewalls/4711/actions");
    });
  });

  describe("catalogue", () => {
    it("lists what is sold, where, for how much", async () => {
      const { body } = await cloud.call("GET", "/server_types?name=cx33");
      const [type] = body.server_types;
      assert.equal(type?.cores, 4);
      assert.deepEqual(
        type?.locations.map((location) => location.name),
        ["fsn1", "nbg1", "hel1"],
      );
      assert.match(String(type?.prices[0]?.price_monthly.gross), /^\d+\.\d+$/);
      assert.equal((await cloud.call("GET", "/locations")).body.locations.length, 6);
      assert.equal((await cloud.call("GET", "/datacenters?name=fsn1-dc14")).body.datacenters[0]?.location.name, "fsn1");
      assert.deepEqual((await cloud.call("GET", "/placement_groups")).body.placement_groups, []);
    });

    it("offers only images that can be booted, per architecture", async () => {
      const all = await cloud.call("GET", "/images?architecture=x86&include_deprecated=true");
      assert.deepEqual(
        all.body.images.map((image) => image.name),
        ["debian-12", "debian-13"],
      );
      const none = await cloud.call("GET", "/images?name=ubuntu-24.04");
      assert.deepEqual(none.body.images, []);
    });
  });

  describe("SSH keys", () => {
    it("refuses what is no key, and a name or key that is taken", async () => {
      await cloud.refused(422, "invalid_input", "POST", "/ssh_keys", { name: "a", public_key: "ssh-ed25519 AAAA" });
      await cloud.ok("POST", "/ssh_keys", { name: "a", public_key: KEY });
      const name = await cloud.refused(409, "uniqueness_error", "POST", "/ssh_keys", {
        name: "a",
        public_key: OTHER_KEY,
      });
      assert.equal(name.message, "SSH key name is already used");
      const key = await cloud.refused(409, "uniqueness_error", "POST", "/ssh_keys", { name: "b", public_key: KEY });
      assert.equal(key.message, "SSH key with the same fingerprint already exists");
    });

    it("lives: create, read, update, delete, with the key byte for byte", async () => {
      const public_key = `${KEY}  \n`;
      const { ssh_key } = await cloud.ok("POST", "/ssh_keys", { name: "a", public_key, labels: { x: "y" } });
      assert.equal(ssh_key.public_key, public_key);
      assert.match(ssh_key.fingerprint, /^([0-9a-f]{2}:){15}[0-9a-f]{2}$/);
      const found = await cloud.ok("GET", `/ssh_keys?fingerprint=${ssh_key.fingerprint}`);
      assert.equal(found.ssh_keys[0]?.id, ssh_key.id);
      const updated = await cloud.ok("PUT", `/ssh_keys/${ssh_key.id}`, { name: "b", labels: {} });
      assert.deepEqual([updated.ssh_key.name, updated.ssh_key.labels], ["b", {}]);
      assert.equal((await cloud.call("DELETE", `/ssh_keys/${ssh_key.id}`)).status, 204);
      await cloud.refused(404, "not_found", "DELETE", `/ssh_keys/${ssh_key.id}`);
    });
  });
});
