import assert from "node:assert/strict";
import { replicated, validSettings, withKeys } from "../settings/valid.ts";
import { type Registration, registered } from "./mocked.ts";

const program = (tag: string) => () => import(`../../index.ts?${tag}`);

describe("components: the graph of a single VPS", () => {
  let all: Registration[] = [];
  const one = (name: string): Registration => {
    const found = all.find((registration) => registration.name === name);
    assert(found, `${name} is not registered; there are: ${all.map((registration) => registration.name).join(", ")}`);
    return found;
  };
  const commands = () => all.filter(({ type }) => type === "command:remote:Command");

  before(async () => {
    // With the mover: the most there can be at work on a server.
    all = await registered({ ...validSettings, ...replicated }, program("graph"));
  });

  it("every resource has a parent whose name begins its own, in kebab case", () => {
    const roots = all.filter(({ parent }) => parent === "").map(({ name }) => name);
    assert.deepEqual(roots.sort(), ["clean-blue", "dns", "green", "traffic"]);
    for (const { name, parent } of all) {
      assert.match(name, /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/);
      if (parent) assert(name.startsWith(`${parent}-`), `${name} under ${parent}`);
    }
    assert.equal(new Set(all.map(({ type, name }) => `${type} ${name}`)).size, all.length);
  });

  it("components have the tokens that plans and runbooks name", () => {
    const tokens = all.filter(({ type }) => type.startsWith("bascule:")).map(({ type }) => type);
    assert.deepEqual([...new Set(tokens)].sort(), [
      "bascule:app:App",
      "bascule:app:Release",
      "bascule:cache:Redis",
      "bascule:compute:HostService",
      "bascule:compute:Server",
      "bascule:database:Mover",
      "bascule:database:PgBouncer",
      "bascule:database:Postgres",
      "bascule:edge:Dns",
      "bascule:edge:Traffic",
      "bascule:network:Firewall",
      "bascule:network:Network",
      "bascule:topology:SingleVps",
      "bascule:web:Nginx",
    ]);
  });

  it("labels say who made it and for which stack", () => {
    for (const { type, inputs } of all.filter(({ type }) =>
      /^hcloud:.*:(Server|PrimaryIp|SshKey|Network|Firewall)$/.test(type),
    )) {
      assert.deepEqual(inputs.labels, { "managed-by": "bascule", stack: "test" }, type);
    }
  });

  it("the server survives changes of user data and keys, and is protected with its address", () => {
    const machine = one("green-server-machine");
    assert.deepEqual(machine.ignoreChanges, ["userData", "sshKeys"]);
    assert.equal(machine.deleteBeforeReplace, true);
    for (const { protect, inputs } of [machine, one("green-server-address")]) {
      assert.equal(protect, true);
      assert.equal(inputs.deleteProtection, true);
    }
    assert.equal(machine.inputs.rebuildProtection, true);
    assert.equal(one("green-server-address").inputs.autoDelete, false);
  });

  it("without protection nothing is in the way of a destroy", async () => {
    const server = '{"type":"cx33","location":"fsn1","image":"debian-13","protect":false}';
    const open = await registered({ ...validSettings, "bascule:server": server }, program("open"));
    assert.deepEqual(
      open.filter(({ protect, inputs }) => protect || inputs.deleteProtection || inputs.rebuildProtection),
      [],
    );
  });

  it("only operators reach SSH, and the world only the web ports", () => {
    const { rules } = one("green-firewall-rules").inputs as { rules: { port?: string; sourceIps: string[] }[] };
    const open = rules.filter(({ sourceIps }) => sourceIps.includes("0.0.0.0/0")).map(({ port }) => port ?? "icmp");
    assert.deepEqual(open, ["icmp", "80", "443"]);
    assert.deepEqual(rules.find(({ port }) => port === "22")?.sourceIps, ["198.18.0.0/15"]);
  });

  it("a command reruns by hash, is replaced with the server only, and never outlives it", () => {
    // One per bundle, and the wait for the first boot.
    const services = all.filter(({ type }) => type === "bascule:compute:HostService").map(({ name }) => name);
    const made = commands().map(({ name }) => name);
    // A guarded change is confirmed by a command of its own, once it is there.
    const confirming = made.filter((name) => name.endsWith("-confirm"));
    for (const name of confirming) assert(one(name).dependencies.includes(name.replace(/confirm$/, "apply")), name);
    assert.deepEqual(
      made.sort(),
      ["green-server-ready", ...services.map((name) => `${name}-apply`), ...confirming].sort(),
    );
    for (const { name, inputs, deletedWith, secretOutputs } of commands()) {
      assert.equal(inputs.create, inputs.update, name);
      assert.equal((inputs.triggers as unknown[]).length, 1, name);
      assert.equal(deletedWith, "green-server-machine", name);
      assert.equal(inputs.addPreviousOutputInEnv, false, name);
      assert.equal(inputs.environment, undefined, name);
      if (name === "green-server-ready") continue;
      assert.match(
        String(inputs.create),
        /^sudo \/usr\/local\/sbin\/hostctl (apply|confirm) --service [a-z0-9-]+ --hash [0-9a-f]{16}( \|\| \{ .* exit \$code; \})?$/,
        name,
      );
      assert.equal(inputs.logging, "none", name);
      assert(secretOutputs.includes("stdout") && secretOutputs.includes("stderr"), name);
    }
  });

  it("services come in order: hostctl, packages, stores and certificate, pool, application, Nginx, traffic", () => {
    const waits = (name: string, ...before: string[]) => {
      for (const needed of before)
        assert(one(name).dependencies.includes(needed), `${name} does not wait for ${needed}`);
    };
    waits("green-hostctl", "green-server-ready");
    waits("green-base", "green-hostctl-apply");
    for (const name of ["green-postgres", "green-redis", "green-nginx"]) waits(name, "green-base-apply");
    waits("green-pgbouncer", "green-postgres-service-apply");
    waits("green-mover", "green-pgbouncer-service-apply", "green-app-service-apply");
    waits("green-app", "green-pgbouncer-service-apply", "green-redis-service-apply", "green-postgres-grant-role");
    waits("green-nginx-service", "green-app-service-apply", "green-nginx-certificate-apply");
    waits("traffic", "green-nginx-service-apply", "dns-green");
  });

  it("never has more than three commands at work on the server at the same time", () => {
    const names = commands().map(({ name }) => name);
    const byName = new Map(all.map((registration) => [registration.name, registration]));
    // A resource waits for what it depends on, and for what the components around it depend on.
    const waitsFor = (name: string, seen = new Set<string>()): Set<string> => {
      for (let at = byName.get(name); at; at = byName.get(at.parent)) {
        for (const dependency of at.dependencies) {
          if (seen.has(dependency)) continue;
          seen.add(dependency);
          waitsFor(dependency, seen);
        }
      }
      return seen;
    };
    const before = new Map(names.map((name) => [name, waitsFor(name)]));
    const independent = (a: string, b: string) => !before.get(a)?.has(b) && !before.get(b)?.has(a);
    let widest: string[] = [];
    for (let subset = 1; subset < 2 ** names.length; subset++) {
      const chosen = names.filter((_, index) => subset & (1 << index));
      const together = chosen.every((a, index) => chosen.slice(index + 1).every((b) => independent(a, b)));
      if (together && chosen.length > widest.length) widest = chosen;
    }
    assert.equal(widest.length, 3, widest.join(", "));
  });

  it("the HTTP cache is there when asked for, taken away when told so, and else never mentioned", async () => {
    const cached = (enabled?: boolean, tag = String(enabled)) =>
      registered(
        { ...validSettings, "bascule:varnish": JSON.stringify({ enabled, memoryMiB: 64 }) },
        program(`varnish-${tag}`),
      );
    const apply = "green-varnish-service-apply";
    for (const enabled of [true, false]) {
      const found = await cached(enabled);
      assert(found.some(({ name }) => name === apply));
      const nginx = found.find(({ name }) => name === "green-nginx-service");
      assert(nginx?.dependencies.includes(apply), nginx?.dependencies.join(", "));
    }
    assert(!(await cached()).some(({ name }) => name.includes("varnish")));
  });

  it("there is a mover only where data moves by replication", async () => {
    const copied = await registered(validSettings, program("copied"));
    assert(!copied.some(({ name }) => name.includes("mover")));
  });

  it("the relay is there before the application that asks it for its keys", async () => {
    const moved = await registered({ ...validSettings, ...withKeys }, program("keys"));
    const waits = (name: string) => moved.find((one) => one.name === name)?.dependencies ?? [];
    for (const needed of ["green-pgbouncer-service-apply", "green-redis-service-apply"])
      assert(waits("green-mover").includes(needed), needed);
    assert(waits("green-app").includes("green-mover-service-apply"));
  });

  it("database objects go and come with the server", () => {
    const objects = all.filter(({ type }) => type.startsWith("postgresql:"));
    assert.deepEqual(objects.map(({ name }) => name).sort(), [
      "green-postgres-database",
      "green-postgres-extension-pg-stat-statements",
      "green-postgres-extension-pg-trgm",
      "green-postgres-extension-uuid-ossp",
      "green-postgres-grant-role",
      "green-postgres-revoke-public",
      "green-postgres-role",
    ]);
    for (const { deletedWith, replaceWith, retainOnDelete } of objects) {
      // Both: the engine heeds deletedWith in a destroy, but not when it replaces the server.
      assert.equal(deletedWith, "green-server-machine");
      assert.equal(retainOnDelete, true);
      assert.deepEqual(replaceWith, ["green-server-machine"]);
    }
  });

  it("a record that was there is adopted and outlives the stack", async () => {
    const recordId = "0123456789abcdef0123456789abcdef";
    const traffic = JSON.stringify({ weight: 0, steering: "record", recordId });
    const found = await registered({ ...validSettings, "bascule:traffic": traffic }, program("adopt"));
    const record = found.find(({ name }) => name === "traffic-record");
    assert.equal(record?.importId, `${"1".padStart(32, "0")}/${recordId}`);
    assert.equal(record.retainOnDelete, true);
  });

  it("a flip changes the load balancer and nothing else", async () => {
    const flipped = await registered(
      { ...validSettings, ...replicated, "bascule:traffic": '{"weight":100}' },
      program("flip"),
    );
    const changed = flipped.filter((registration, index) => {
      const before = all[index];
      assert.equal(before?.name, registration.name);
      return JSON.stringify(before) !== JSON.stringify(registration);
    });
    assert.deepEqual(
      changed.map(({ name }) => name),
      ["traffic-load-balancer"],
    );
  });
});
