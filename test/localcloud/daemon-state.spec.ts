import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildApp } from "../../localcloud/daemon/app.ts";
import { Faults } from "../../localcloud/daemon/faults.ts";
import { Store } from "../../localcloud/daemon/store.ts";
import { HetznerUnderTest, TOKEN } from "../support/hetzner.ts";
import { MemoryMachines } from "../support/memory-machines.ts";

interface Thing {
  id: number;
  name: string;
}

describe("daemon: store", () => {
  let directory: string;
  let file: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "localcloud-"));
    file = join(directory, "state.json");
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it("refuses a broken file and says how to go on", () => {
    writeFileSync(file, "{");
    assert.throws(() => new Store(file).load(), /state\.json cannot be read .*localcloud reset/);
  });

  it("refuses to change what does not exist", () => {
    const things = new Store(file).collection<Thing>("things");
    assert.throws(() => things.patch(7, { name: "x" }), /nothing has the id 7/);
    assert.equal(things.remove(7), false);
  });

  it("gives back what was put, in order, after a restart, and never the same id twice", async () => {
    const store = new Store(file);
    store.load();
    const things = store.collection<Thing>("things");
    const ids = ["b", "a", "c"].map((name) => things.put({ id: store.nextId(), name }).id);
    things.patch(ids[1] ?? 0, { name: "z" });
    things.remove(ids[2] ?? 0);
    await store.flush();
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const next = new Store(file);
    next.load();
    assert.deepEqual(
      next
        .collection<Thing>("things")
        .all()
        .map((thing) => thing.name),
      ["b", "z"],
    );
    assert.ok(!ids.includes(next.nextId()));
    await next.flush();
  });

  it("writes by itself, and keeps collections nobody opened", async () => {
    writeFileSync(file, JSON.stringify({ sequence: 5, collections: { others: [{ id: 1 }] } }));
    const store = new Store(file);
    store.load();
    store.collection<Thing>("things").put({ id: 1, name: "x" });
    await new Promise((resolve) => setTimeout(resolve, 150));
    const saved = JSON.parse(readFileSync(file, "utf8"));
    assert.deepEqual(saved.collections, { others: [{ id: 1 }], things: [{ id: 1, name: "x" }] });
  });
});

describe("daemon: faults", () => {
  let cloud: HetznerUnderTest;
  beforeEach(() => {
    cloud = new HetznerUnderTest();
  });
  afterEach(() => cloud.discard());

  const order = (payload: object) => cloud.app.inject({ method: "POST", url: "/_faults", payload });

  for (const bad of [
    { api: "azure" },
    { path: "(" },
    { times: 0 },
    { kind: "explode" },
    { status: 200 },
    { surprise: true },
  ]) {
    it(`refuses ${JSON.stringify(bad)}`, async () => {
      const good = { api: "hetzner", method: "GET", path: "^/servers$", kind: "status" };
      assert.equal((await order({ ...good, ...bad })).statusCode, 400);
    });
  }

  it("answer with an error n times, then no more, and only where they match", async () => {
    await order({
      api: "hetzner",
      method: "get",
      path: "^/servers$",
      times: 2,
      kind: "status",
      status: 503,
      message: "gone",
    });
    assert.equal((await cloud.call("GET", "/networks")).status, 200);
    const answers = [
      await cloud.call("GET", "/servers"),
      await cloud.call("GET", "/servers"),
      await cloud.call("GET", "/servers"),
    ];
    assert.deepEqual(
      answers.map((answer) => answer.status),
      [503, 503, 200],
    );
    assert.deepEqual(answers[0]?.body.error, { code: "unavailable", message: "gone", details: null });
  });

  it("let an action fail, its work undone", async () => {
    await order({
      api: "hetzner",
      method: "POST",
      path: "/actions/poweroff$",
      kind: "action",
      code: "boom",
      message: "no",
    });
    const { id } = await cloud.server("a");
    const { action } = await cloud.ok("POST", `/servers/${id}/actions/poweroff`);
    const read = (await cloud.ok("GET", `/actions/${action.id}`)).action;
    assert.deepEqual([read.status, read.error], ["error", { code: "boom", message: "no" }]);
    assert.equal((await cloud.ok("GET", `/servers/${id}`)).server.status, "running");
    assert.deepEqual(cloud.faults.list(), []);
  });

  it("are listed and cleared", async () => {
    await order({ api: "cloudflare", method: "GET", path: "/zones", kind: "hang", times: 3 });
    const listed = await cloud.app.inject({ method: "GET", url: "/_faults" });
    assert.equal(listed.json().faults[0].times, 3);
    assert.equal((await cloud.app.inject({ method: "DELETE", url: "/_faults" })).statusCode, 204);
    assert.deepEqual(cloud.faults.list(), []);
  });

  describe("on a real connection", () => {
    let base: string;
    beforeEach(async () => {
      await cloud.app.listen({ host: "127.0.0.1", port: 0 });
      base = `http://127.0.0.1:${(cloud.app.server.address() as AddressInfo).port}/hetzner/v1`;
    });
    const get = (path: string, signal?: AbortSignal) =>
      fetch(`${base}${path}`, { signal, headers: { authorization: `Bearer ${TOKEN}` } });
    const post = (path: string, body: object) =>
      fetch(`${base}${path}`, {
        method: "POST",
        body: JSON.stringify(body),
        headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
      });

    it("drop closes the connection", async () => {
      await order({ api: "hetzner", method: "GET", path: "^/locations$", kind: "drop" });
      await assert.rejects(get("/locations"));
      assert.equal((await get("/locations")).status, 200);
    });

    it("drop after: the call is carried out, its answer lost", async () => {
      await order({ api: "hetzner", method: "POST", path: "^/firewalls$", kind: "drop", after: true });
      await assert.rejects(post("/firewalls", { name: "f" }));
      assert.equal((await post("/firewalls", { name: "f" })).status, 409);
    });

    it("hang answers nothing", async () => {
      await order({ api: "hetzner", method: "GET", path: "^/locations$", kind: "hang" });
      await assert.rejects(get("/locations", AbortSignal.timeout(150)), { name: "TimeoutError" });
    });
  });
});

describe("daemon: status and faults are for this machine only", () => {
  it("refuses a call that came in by another address", async () => {
    const app = buildApp({
      faults: new Faults(),
      machines: new MemoryMachines(),
      status: () => ({ name: "x" }),
      ready: () => true,
    });
    await app.ready();
    const gateway = createServer((request, response) => app.routing(request, response));
    await new Promise<void>((resolve) => gateway.listen(0, "127.0.0.2", resolve));
    const { port } = gateway.address() as AddressInfo;
    const answer = await fetch(`http://127.0.0.2:${port}/_status`);
    assert.equal(answer.status, 403);
    gateway.close();
    gateway.closeAllConnections();
    await app.close();
  });

  it("refuses the APIs until everything is up", async () => {
    const app = buildApp({
      faults: new Faults(),
      machines: new MemoryMachines(),
      status: () => ({ name: "x" }),
      ready: () => false,
    });
    const answer = await app.inject({ method: "GET", url: "/hetzner/v1/servers" });
    assert.deepEqual([answer.statusCode, answer.json().error.code], [503, "unavailable"]);
    assert.equal((await app.inject({ method: "GET", url: "/_status", remoteAddress: "127.0.0.1" })).statusCode, 200);
    await app.close();
  });
});
