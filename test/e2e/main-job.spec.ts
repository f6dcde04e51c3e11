import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { ROOT, STACK } from "../../examples/girlycrea/run/place.ts";
import { run } from "../support/local-cloud.ts";
import { describeGoneGreen } from "./gone-green.ts";
import { must, until, World } from "./world.ts";

/** The whole journey on the local cloud, then what a person might do wrong on what it leaves running. */
describe("the main job", function () {
  this.timeout("10m");
  const world = new World();
  let printed = "";

  before(async () => {
    const outcome = await world.example("start");
    printed = outcome.stdout;
    assert.equal(outcome.code, 0, `${outcome.stdout.slice(-3000)}\n${outcome.stderr.slice(-3000)}`);
  });
  after(() => world.discard());

  describe("as npm start plays it", () => {
    it("passes", () => {
      const { result, reasons } = world.report();
      assert.deepEqual({ result, reasons }, { result: "pass", reasons: [] });
      assert.match(printed, /result +│ pass/);
    });

    it("builds green once: a second up and a refresh find nothing to do", () => {
      const { secondUpChanges, refreshChanges } = world.report();
      assert.deepEqual({ secondUpChanges, refreshChanges }, { secondUpChanges: 0, refreshChanges: 0 });
    });

    it("has every row of every table on both sides whenever the writes move", () => {
      const { rows } = world.report();
      assert.ok(rows.tables >= 7 && rows.rows > 1_000, `${rows.rows} rows in ${rows.tables} tables`);
      assert.deepEqual([rows.compared, rows.mismatched], [rows.tables, 0]);
    });

    it("moves the writes there, back and there again, each time within the freeze budget", () => {
      const { freezesMs, lagBytes } = world.report();
      assert.equal(freezesMs.length, 3);
      for (const freeze of freezesMs) assert.ok(freeze > 0 && freeze < 15_000, `${freeze} ms`);
      assert.ok(lagBytes >= 0);
    });

    it("changes nothing but the load balancer to move traffic", () => {
      const { cutover } = world.report();
      assert.deepEqual(
        cutover.plan.map((urn) => urn.split("::").at(-1)),
        ["traffic-load-balancer"],
      );
    });

    it("brings users and data back in seconds", () => {
      const { seconds } = world.report().rollback;
      assert.ok(seconds > 0 && seconds < 20, `${seconds} s`);
    });

    it("fails no request of the users and turns none away", () => {
      const { users } = world.report();
      assert.ok(users.requests > 500, `${users.requests} requests`);
      assert.deepEqual([users.failed, users.held], [0, 0]);
    });

    it("loses no confirmed order, by the rollback or by the second cutover", () => {
      const { writesLost, writesLostAtTheEnd } = world.report();
      assert.deepEqual({ writesLost, writesLostAtTheEnd }, { writesLost: 0, writesLostAtTheEnd: 0 });
    });

    it("takes sessions and carts along each time, and loses none", () => {
      const { keys, users } = world.report();
      assert.ok(keys.copied >= 10, `${keys.copied} keys`);
      assert.equal(keys.heldMs.length, 3);
      for (const held of keys.heldMs) assert.ok(held > 0 && held < 5_000, `${held} ms`);
      assert.ok(users.carried >= 10, `${users.carried} times`);
      assert.deepEqual([users.sessionsLost, users.cartsLost], [0, 0]);
    });

    it("leaves no secret in the clear", () => assert.deepEqual(world.report().leaks, []));

    it("ends on green", async () => {
      const { weight, publicName, blue, green } = JSON.parse(must(await world.bascule("status", "--json")).stdout);
      assert.deepEqual(
        { weight, side: publicName.side, blue: blue.status, green: green.status },
        { weight: 100, side: "green", blue: 200, green: 200 },
      );
    });

    it("leaves writes and keys on green, and blue current", async () => {
      const { state, writer, pool, fences, keys } = JSON.parse(
        must(await world.bascule("data status", "--json")).stdout,
      );
      assert.deepEqual(
        { state, writer, pool, fences },
        { state: "current", writer: "green", pool: "green", fences: { blue: "closed", green: "open" } },
      );
      assert.deepEqual([keys.state, keys.writer, keys.relay], ["following", "green", "green"]);
      const verified = JSON.parse(must(await world.bascule("verify", "--json")).stdout);
      assert.deepEqual([verified.equal, verified.keys.equal, verified.keys.differences], [true, true, []]);
    });
  });

  describe("what it refuses", () => {
    it("a copy where data moves by replication", async () => {
      const { code, stderr } = await world.bascule("copy");
      assert.equal(code, 30);
      assert.match(stderr, /moves by replication.*\n {2}next: bascule sync --stack local/);
    });

    it("to give the way back up without the domain typed", async () => {
      const { code, stderr } = await world.bascule("data commit", "--confirm", "example.org");
      assert.equal(code, 30);
      assert.match(stderr, /'example.org' is not shop.girlycrea.test; nothing was changed/);
    });

    it("a cutover with a steering the stack does not have", async () => {
      const { code, stderr } = await world.bascule("cutover", "--steering", "record", "--yes");
      assert.equal(code, 30);
      assert.match(stderr, /deployed with steering 'load-balancer', not 'record'/);
    });

    it("a second cutover", async () => {
      const { code, stderr } = await world.bascule("cutover", "--yes");
      assert.equal(code, 30);
      assert.match(stderr, /the weight is already 100/);
    });

    it("a rollback while blue is down", async () => {
      const { servers = [] } = await world.hetzner("GET", "servers?name=blue");
      await world.hetzner("POST", `servers/${servers[0]?.id}/actions/poweroff`);
      const { code, stderr } = await world.bascule("rollback");
      await world.hetzner("POST", `servers/${servers[0]?.id}/actions/poweron`);
      assert.equal(code, 30);
      assert.match(stderr, /blue at [\d.]+ is not fit to take traffic/);
      assert.equal(world.weight(), 100);
      await until(
        "blue is back",
        60,
        async () => JSON.parse((await world.bascule("status", "--json")).stdout).blue.status === 200,
      );
    });

    it("a way back to a domain that was edited and never deployed", async () => {
      must(await world.pulumi("config", "set", "bascule:domain", "store.girlycrea.test"));
      const { code, stderr } = await world.bascule("rollback");
      must(await world.pulumi("config", "set", "bascule:domain", "shop.girlycrea.test"));
      assert.equal(code, 30);
      assert.match(
        stderr,
        /bascule:domain was changed from shop\.girlycrea\.test to store\.girlycrea\.test and not deployed/,
      );
      assert.equal(world.weight(), 100);
      assert.equal(JSON.parse(must(await world.bascule("data status", "--json")).stdout).writer, "green");
    });

    it("a wrong API token, before anything changes", async () => {
      const { stdout } = must(await world.pulumi("config", "get", "hcloud:token"));
      must(await world.pulumi("config", "set", "--secret", "hcloud:token", "x".repeat(64)));
      const { code, stdout: out, stderr } = await world.pulumi("preview");
      must(await world.pulumi("config", "set", "--secret", "hcloud:token", stdout.trim()));
      assert.notEqual(code, 0);
      assert.match(`${out}${stderr}`, /hcloud:token/);
    });
  });

  describe("interrupted and contended", () => {
    it("a second operation is told who holds the stack, and an interrupted one goes on when run again", async () => {
      await world.disturb({ api: "cloudflare", method: "PUT", path: "/load_balancers/", kind: "hang" });
      const args = [join(ROOT, "automation/bin.mjs"), "rollback", "--stack", STACK, "--cwd", world.project];
      const first = spawn(process.execPath, args, {
        env: { ...process.env, ...world.env },
        stdio: ["ignore", "ignore", "pipe"],
      });
      let said = "";
      first.stderr.on("data", (chunk) => {
        said += chunk;
      });
      const ended = once(first, "close");
      await until("the update is under way", 60, () => said.includes("update of the one resource"));
      await until("it holds the lock", 30, () => world.isLocked());

      const second = await world.bascule("rollback");
      assert.equal(second.code, 40, second.stderr);
      assert.match(second.stderr, /stack 'local' is locked by \S+@\S+ \(process \d+\) since \d{4}-/);

      first.kill("SIGTERM");
      const [code] = await ended;
      assert.equal(code, 130, said);
      await world.disturb(null);
    });

    it("a rollback needs nothing of a green that is dead and has no writes", async () => {
      const { servers = [] } = await world.hetzner("GET", "servers");
      const green = servers.find(({ name }) => name !== "blue")?.id;
      await world.hetzner("POST", `servers/${green}/actions/poweroff`);
      const { to, writesLost } = JSON.parse(must(await world.bascule("rollback", "--json")).stdout);
      await world.hetzner("POST", `servers/${green}/actions/poweron`);
      assert.deepEqual({ to, writesLost, weight: world.weight() }, { to: 0, writesLost: 0, weight: 0 });
      await until(
        "green is back",
        90,
        async () => JSON.parse((await world.bascule("status", "--json")).stdout).green.status === 200,
      );
    });

    it("a rollback moves traffic and nothing else, whatever was edited; a cutover refuses to, naming what it would replace", async () => {
      must(await world.bascule("sync"));
      const served = async () => (await world.hetzner("GET", "servers")).servers?.map(({ id }) => id);
      must(await world.bascule("cutover", "--steps", "100", "--yes"));
      const before = await served();
      must(await world.pulumi("config", "set", "--path", "bascule:server.location", "nbg1"));
      const { plan, writesLost } = JSON.parse(must(await world.bascule("rollback", "--json")).stdout);
      const { code, stderr } = await world.bascule("cutover", "--yes");
      must(await world.pulumi("config", "set", "--path", "bascule:server.location", "fsn1"));
      assert.match(plan.join(), /::traffic-load-balancer$/);
      assert.deepEqual({ writesLost, weight: world.weight() }, { writesLost: 0, weight: 0 });
      assert.equal(code, 30);
      assert.match(stderr, /would replace urn:pulumi:local::bascule::\S+\$hcloud:index\/server:Server::green-server/);
      assert.deepEqual(await served(), before);
    });

    it("a sync that is run again goes on from where it is, without a new copy", async () => {
      const { state, writer } = JSON.parse(must(await world.bascule("sync", "--json")).stdout);
      assert.deepEqual({ state, writer }, { state: "current", writer: "blue" });
    });
  });

  describe("a green that ends with the writes", () => describeGoneGreen(world));

  describe("plain pulumi", () => {
    it("refreshes to no changes", async () => {
      await world.refreshEnvironment();
      const { stdout } = must(await world.pulumi("refresh", "--yes", "--skip-preview"));
      assert.match(stdout, /\d+ unchanged/);
      assert.doesNotMatch(stdout, /deleted|created/);
    });

    it("destroys everything it made and nothing else", async () => {
      must(await world.pulumi("destroy", "--yes", "--skip-preview"));
      const left = async (path: string, key: string) =>
        ((await world.hetzner("GET", path))[key] ?? []).map(({ name }) => name);
      assert.deepEqual(await left("servers", "servers"), ["blue"]);
      assert.deepEqual(await left("firewalls", "firewalls"), []);
      assert.deepEqual(await left("networks", "networks"), []);
      const [zone] = await world.cloudflare("zones?name=girlycrea.test");
      assert.deepEqual(await world.cloudflare(`zones/${zone?.id}/load_balancers`), []);
      assert.deepEqual(
        (await world.cloudflare(`zones/${zone?.id}/dns_records`)).map(({ name }) => name),
        ["shop.girlycrea.test"],
      );
      const containers = must(
        await run("docker", [
          "ps",
          "-a",
          "--filter",
          `label=localcloud.instance=${world.instance}`,
          "--format",
          "{{.Names}}",
        ]),
      );
      const servers = containers.stdout.split("\n").filter((name) => name.includes("-server-"));
      assert.equal(servers.length, 1);
    });
  });

  describe("with steering 'record'", () => {
    const recordContent = async () => {
      const [zone] = await world.cloudflare("zones?name=girlycrea.test");
      const [record] = await world.cloudflare(`zones/${zone?.id}/dns_records?type=A&name=shop.girlycrea.test`);
      return record?.content;
    };

    it("adopts the record that exists, moves it and moves it back", async () => {
      const before = await recordContent();
      must(await world.pulumi("config", "set", "--path", "bascule:traffic.steering", "record"));
      must(await world.bascule("adopt"));
      must(await world.pulumi("up", "--yes", "--skip-preview"));
      const early = await world.bascule("cutover", "--yes");
      assert.equal(early.code, 30);
      assert.match(early.stderr, /green's database is not current \(none\)/);
      // Blue still has what an earlier green left there; a new one goes on from it.
      must(await world.bascule("sync"));
      const { plan } = JSON.parse(
        must(await world.bascule("cutover", "--steering", "record", "--yes", "--json")).stdout,
      );
      assert.deepEqual(plan.length, 1);
      assert.match(plan[0], /DnsRecord::traffic-record$/);
      const green = await recordContent();
      assert.notEqual(green, before);
      must(await world.bascule("rollback"));
      assert.equal(await recordContent(), before);
    });
  });
});
