import assert from "node:assert/strict";
import { must, until, type World } from "./world.ts";

const DOMAIN = "shop.girlycrea.test";

/** Green ends with the writes, by whoever's hand. Begins on blue, with green current; ends on blue, with a green that remembers. */
export function describeGoneGreen(world: World): void {
  const green = async () => {
    const { servers = [] } = await world.hetzner("GET", "servers");
    return servers.find(({ name }) => name !== "blue")?.id;
  };
  const power = async (word: "poweroff" | "poweron") =>
    world.hetzner("POST", `servers/${await green()}/actions/${word}`);
  const destroy = () => world.pulumi("destroy", "--yes", "--skip-preview");

  it("the writes alone move and come back, traffic stays where it is", async () => {
    for (const to of ["green", "blue", "green"]) {
      const moved = JSON.parse(must(await world.bascule("data move", "--to", to, "--json")).stdout);
      assert.deepEqual(
        { to: moved.to, equal: moved.proof.equal, weight: world.weight() },
        { to, equal: true, weight: 0 },
      );
      assert.ok(moved.freezeMs > 0 && moved.freezeMs < 15_000, `${moved.freezeMs} ms`);
    }
    const { code, stderr } = await world.bascule("data move", "--to", "nowhere");
    assert.equal(code, 1);
    assert.match(stderr, /argument 'nowhere' is invalid\. Allowed choices are blue, green/);
    must(await world.bascule("data move", "--to", "blue"));
  });

  it("a destroy is refused while green has the writes, before anything is deleted", async () => {
    must(await world.bascule("cutover", "--steps", "100", "--yes"));
    const served = await green();
    const { code, stdout, stderr } = await destroy();
    assert.notEqual(code, 0);
    assert.match(`${stdout}${stderr}`, /blue's database was not cleaned: green takes the writes.*bascule rollback/);
    assert.equal(await green(), served);
    const [zone] = await world.cloudflare("zones?name=girlycrea.test");
    assert.equal((await world.cloudflare(`zones/${zone?.id}/load_balancers`)).length, 1);
  });

  it("abandoning a green that answers is refused", async () => {
    const { code, stderr } = await world.bascule("data abandon-green", "--confirm", DOMAIN);
    assert.equal(code, 30, stderr);
    assert.match(stderr, /green answers, so nothing needs to be lost\n {2}next: bascule rollback --stack local/);
  });

  it("a rollback from a dead green that has the writes is refused, and moves the traffic alone when told to", async () => {
    await power("poweroff");
    const refused = await world.bascule("rollback");
    assert.equal(refused.code, 30, refused.stderr);
    assert.match(refused.stderr, /traffic was not moved: cannot reach green at .*\n {2}next: .*--traffic-only/);
    assert.equal(world.weight(), 100);
    const { stdout, stderr } = must(await world.bascule("rollback", "--traffic-only", "--json"));
    const { to, writesLost } = JSON.parse(stdout);
    assert.deepEqual({ to, writesLost, weight: world.weight() }, { to: 0, writesLost: null, weight: 0 });
    assert.match(stderr, /if it never will: bascule data abandon-green --stack local/);
  });

  it("a destroy is refused, too, and blue is not cleaned while green has its writes", async () => {
    const { code, stdout, stderr } = await destroy();
    assert.notEqual(code, 0);
    assert.match(`${stdout}${stderr}`, /does not answer .*bascule data clean-blue --stack local/);
    const cleaning = await world.bascule("data clean-blue");
    assert.equal(cleaning.code, 30, cleaning.stderr);
    assert.match(cleaning.stderr, /blue's tables are closed, as green took the writes; nothing was taken away/);
  });

  it("blue is opened with what it has once the domain was typed", async () => {
    for (const [given, said] of [
      [
        [],
        /What green had not sent yet is lost\. There is no terminal to ask\n {2}next: add --confirm shop\.girlycrea\.test/,
      ],
      [["--confirm", "example.org"], /'example\.org' is not shop\.girlycrea\.test; nothing was changed/],
    ] as const) {
      const { code, stderr } = await world.bascule("data abandon-green", ...given);
      assert.equal(code, 30);
      assert.match(stderr, said);
    }
    const { stdout } = must(await world.bascule("data abandon-green", "--confirm", DOMAIN, "--json"));
    assert.deepEqual(JSON.parse(stdout), { writer: "blue" });
  });

  it("and cleaned from here, as often as one likes", async () => {
    const clean = async () => JSON.parse(must(await world.bascule("data clean-blue", "--json")).stdout);
    const { blue, records, tables } = await clean();
    assert.deepEqual({ blue, records, fenced: tables > 5 }, { blue: "cleaned", records: true, fenced: true });
    assert.deepEqual(await clean(), { blue: "cleaned", slot: false, tables: 0, records: false, left: [] });
    await power("poweron");
    await until(
      "green is back",
      90,
      async () => JSON.parse((await world.bascule("status", "--json")).stdout).green.status === 200,
    );
  });
}
