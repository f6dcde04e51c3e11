import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { lookupAt } from "../../examples/girlycrea/users/names.ts";
import { startShop } from "./https-shop.ts";

const MAIN = join(import.meta.dirname, "../../examples/girlycrea/users/main.ts");

/** A DNS server that answers every question with 127.0.0.1 for 7 seconds. */
async function startDns(): Promise<{ socket: Socket; server: string }> {
  const socket = createSocket("udp4");
  socket.on("message", (query, { port, address }) => {
    let end = 12;
    for (let length = query[end] ?? 0; length > 0; length = query[end] ?? 0) end += length + 1;
    const header = Buffer.from(query.subarray(0, 12));
    header.set([0x85, 0x80, 0, 1, 0, 1, 0, 0, 0, 0], 2);
    const answer = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 7, 0, 4, 127, 0, 0, 1]);
    socket.send(Buffer.concat([header, query.subarray(12, end + 5), answer]), port, address);
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return { socket, server: `127.0.0.1:${socket.address().port}` };
}

describe("the users' program", () => {
  const folder = mkdtempSync(join(tmpdir(), "girly-test-"));
  const ca = join(folder, "ca.pem");
  const out = join(folder, "requests.jsonl");
  let dns: Awaited<ReturnType<typeof startDns>>;
  let running: ChildProcess | undefined;
  before(async () => {
    writeFileSync(ca, "");
    dns = await startDns();
  });
  after(() => {
    running?.kill("SIGKILL");
    dns.socket.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("takes address and TTL from the server it was given", async () => {
    assert.deepEqual(await lookupAt(dns.server, "shop.test")(), [{ address: "127.0.0.1", ttl: 7 }]);
  });

  it("names the option that is missing or wrong", () => {
    const run = (...args: string[]) => spawnSync(process.execPath, [MAIN, ...args], { encoding: "utf8" });
    const missing = run("--name", "shop.test");
    assert.equal(missing.status, 1);
    assert.match(missing.stderr, /--name, --dns, --ca and --out/);
    const wrong = run("--name", "shop.test", "--dns", dns.server, "--ca", ca, "--out", out, "--rate", "fast");
    assert.equal(wrong.status, 1);
    assert.match(wrong.stderr, /--rate 'fast'/);
  });

  it("records that nobody answers, and leaves with a summary as soon as it is told to", async () => {
    const args = ["--name", "shop.test", "--dns", dns.server, "--ca", ca, "--out", out, "--rate", "100", "--port", "9"];
    running = spawn(process.execPath, [MAIN, ...args], { stdio: "inherit" });
    await sleep(1_500);
    const told = performance.now();
    running.kill("SIGTERM");
    const [code] = await once(running, "close");
    assert.equal(code, 0);
    assert.ok(performance.now() - told < 2_000, "it leaves promptly");
    const summary = JSON.parse(readFileSync(join(folder, "summary.json"), "utf8"));
    assert.ok(summary.requests > 0);
    assert.equal(summary.failed, summary.requests);
    const [failure = ""] = Object.keys(summary.failures);
    assert.match(failure, /^browse: ECONNREFUSED/);
    assert.equal(readFileSync(join(folder, "orders.jsonl"), "utf8"), "");
    const lines = readFileSync(out, "utf8").trim().split("\n");
    assert.equal(lines.length, summary.requests);
  });

  it("looks once more at every cart that was left, after it was told to leave", async () => {
    const shop = await startShop(folder);
    try {
      const port = String(shop.port);
      const args = ["--name", "shop.test", "--dns", dns.server, "--ca", shop.certificate, "--out", out];
      running = spawn(process.execPath, [MAIN, ...args, "--rate", "150", "--port", port], { stdio: "inherit" });
      for (const late = Date.now() + 15_000; shop.left() < 5; await sleep(20)) assert.ok(Date.now() < late);
      const [left, looked] = [shop.left(), shop.looked()];
      // The shop has answered, and whoever left that cart must have heard it: a visit that is under way is dropped. So soon nobody comes back.
      await sleep(500);
      running.kill("SIGTERM");
      const [code] = await once(running, "close");
      assert.equal(code, 0);
      assert.ok(shop.looked() >= looked + left, `${shop.looked() - looked} looks at ${left} carts`);
      const summary = JSON.parse(readFileSync(join(folder, "summary.json"), "utf8"));
      assert.deepEqual([summary.failed, summary.sessionsLost, summary.cartsLost], [0, 0, 0]);
    } finally {
      await shop.close();
    }
  }).timeout(20_000);
});
