import assert from "node:assert/strict";
import { cpSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Watch } from "../../localcloud/daemon/watch.ts";
import { observe, reconcile } from "../../localcloud/hetzner/reconcile.ts";
import { HetznerUnderTest } from "../support/hetzner.ts";
import { MemoryMachines } from "../support/memory-machines.ts";

describe("daemon: restart", () => {
  let first: HetznerUnderTest;
  let machines: MemoryMachines;
  beforeEach(() => {
    first = new HetznerUnderTest();
    machines = first.machines;
  });

  /** A second process over the same state and the same machines. */
  async function restarted(prepare: () => void = () => undefined): Promise<HetznerUnderTest> {
    await first.store.flush();
    const next = new HetznerUnderTest(first.directory, machines);
    prepare();
    await reconcile(next.hub, () => undefined);
    return next;
  }

  it("keeps the state and starts what ran, not what was off", async () => {
    const [on, off] = [await first.server("on"), await first.server("off")];
    await first.ok("POST", `/servers/${off.id}/actions/poweroff`);
    const { body: before } = await first.call("GET", "/servers");
    await first.close();
    const second = await restarted(() => machines.running.set(on.id, false));
    assert.deepEqual((await second.call("GET", "/servers")).body, before);
    assert.deepEqual([machines.running.get(on.id), machines.running.get(off.id)], [true, false]);
    assert.equal(machines.filters.length, 2, "the packet filter is applied again");
    await second.discard();
  });

  it("ends actions that were cut off, and makes the server again whose creation was", async () => {
    machines.hold();
    const { body } = await first.call("POST", "/servers", { name: "a", server_type: "cx23", image: "debian-13" });
    await first.store.flush();
    // The crash: what was on disk at this moment, without what the first process still does.
    const copy = mkdtempSync(join(tmpdir(), "localcloud-"));
    cpSync(first.directory, copy, { recursive: true });
    await first.discard();
    const second = new HetznerUnderTest(copy);
    await reconcile(second.hub, () => undefined);
    const { action } = await second.ok("GET", `/actions/${body.action.id}`);
    assert.deepEqual([action.status, action.error?.code], ["error", "action_failed"]);
    assert.equal((await second.ok("GET", `/servers/${body.server.id}`)).server.status, "running");
    assert.equal(second.machines.specs.get(body.server.id)?.name, "a");
    await second.discard();
  });

  it("finishes a deletion that was cut off, and removes machines nobody knows", async () => {
    const { id } = await first.server("a");
    first.hub.state.servers.patch(id, { status: "deleting" });
    machines.running.set(4711, true);
    await first.close();
    const second = await restarted();
    assert.deepEqual((await second.ok("GET", "/servers")).servers, []);
    assert.deepEqual([...machines.running.keys()], []);
    await second.discard();
  });

  it("shows a server whose container is gone as unknown, and keeps the others up", async () => {
    const [lost, fine] = [await first.server("lost"), await first.server("fine")];
    await first.close();
    const second = await restarted(() => {
      machines.running.delete(lost.id);
      machines.running.set(fine.id, false);
    });
    const { servers } = await second.ok("GET", "/servers?sort=name");
    assert.deepEqual(
      servers.map((server) => [server.name, server.status]),
      [
        ["fine", "running"],
        ["lost", "unknown"],
      ],
    );
    await second.discard();
  });

  it("starts everything again once a lost container engine is back, instead of calling it off", async () => {
    const { id } = await first.server("a");
    const states = () => MemoryMachines.prototype.states.call(machines);
    let broughtUp = 0;
    const watch = new Watch(first.hub, async () => {
      broughtUp += 1;
      await reconcile(first.hub, () => undefined);
    });
    machines.states = () => Promise.reject(new Error("connect ENOENT /var/run/docker.sock"));
    await watch.look();
    await watch.look();
    machines.running.set(id, false);
    machines.states = states;
    await watch.look();
    await watch.look();
    assert.equal(broughtUp, 1);
    assert.equal(machines.running.get(id), true);
    assert.equal((await first.ok("GET", `/servers/${id}`)).server.status, "running");
    await first.discard();
  });

  it("leaves a server alone on which an action is under way", async () => {
    const { id } = await first.server("a");
    machines.hold();
    const { body } = await first.call("POST", `/servers/${id}/actions/poweroff`);
    const before = machines.calls.length;
    await reconcile(first.hub, () => undefined);
    machines.release();
    await first.hub.actions.settled();
    assert.ok(!machines.calls.slice(before).some((call) => call.startsWith("powerOn")));
    assert.equal((await first.ok("GET", `/actions/${body.action.id}`)).action.status, "success");
    await first.discard();
  });

  it("notices a server that was halted from inside", async () => {
    const { id } = await first.server("a");
    machines.running.set(id, false);
    await observe(first.hub);
    assert.equal((await first.ok("GET", `/servers/${id}`)).server.status, "off");
    await first.discard();
  });
});
