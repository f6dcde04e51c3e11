import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { createServer as createTlsServer } from "node:tls";
import { Relay } from "../../migration/relay/relay.ts";
import type { Side } from "../../migration/side.ts";

/** Answers each line with its own name in front, the line `later` after a while. */
function startSide(name: Side): Promise<{ server: Server; port: number }> {
  const server = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    socket.on("data", async (bytes) => {
      for (const line of bytes.toString().split("\n").slice(0, -1)) {
        if (line === "later") await pause(40);
        socket.write(`${name} ${line}\n`);
      }
    });
  });
  return new Promise((resolve) =>
    server.listen(0, "127.0.0.1", () => resolve({ server, port: Number(Object(server.address()).port) })),
  );
}

describe("the relay", () => {
  const sides = {} as Record<Side, { server: Server; port: number }>;
  let relay: Relay;
  let port: number;
  const clients: Socket[] = [];

  before(async () => {
    for (const side of ["blue", "green"] as const) sides[side] = await startSide(side);
  });
  beforeEach(async () => {
    const place = (side: Side) => ({ host: "127.0.0.1", port: sides[side].port, tls: null });
    relay = new Relay({ blue: place("blue"), green: place("green") });
    port = await relay.listen(0);
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.destroy();
    await relay.close();
  });
  after(() => {
    for (const { server } of Object.values(sides)) server.close();
  });

  /** A client with what it was told so far. */
  function enter() {
    const client = connect({ host: "127.0.0.1", port });
    clients.push(client);
    const told = { text: "", ended: false };
    client.on("data", (bytes) => {
      told.text += bytes.toString();
    });
    client.on("close", () => {
      told.ended = true;
    });
    client.on("error", () => undefined);
    return { client, told };
  }
  const until = async (holds: () => boolean) => {
    for (const deadline = Date.now() + 3_000; !holds(); await pause(2)) assert.ok(Date.now() < deadline);
  };

  it("leads to green before anybody said anything, and then to the side it was told", async () => {
    const first = enter();
    first.client.write("one\n");
    await until(() => first.told.text === "green one\n");
    await relay.lead({ side: "blue", heldUntil: 0 });
    await until(() => first.told.ended);
    const second = enter();
    second.client.write("two\n");
    await until(() => second.told.text === "blue two\n");
  });

  it("leaves connections alone when it is told the same side again", async () => {
    const { client, told } = enter();
    client.write("one\n");
    await until(() => told.text !== "");
    await relay.lead({ side: "green", heldUntil: 0 });
    client.write("two\n");
    await until(() => told.text === "green one\ngreen two\n");
  });

  it("lets what was asked before a hold be answered, and nothing be asked after it", async () => {
    const { client, told } = enter();
    client.write("one\n");
    await until(() => told.text !== "");
    client.write("later\n");
    await pause(10);
    const held = relay.lead({ side: "green", heldUntil: Date.now() + 60_000 });
    client.write("too late\n");
    await held;
    await until(() => told.ended);
    assert.equal(told.text, "green one\ngreen later\n");
  });

  it("keeps who comes in a hold waiting, and leads it to the new side", async () => {
    await relay.lead({ side: "green", heldUntil: Date.now() + 60_000 });
    const { client, told } = enter();
    client.write("one\n");
    await pause(50);
    assert.equal(told.text, "");
    await relay.lead({ side: "blue", heldUntil: 0 });
    await until(() => told.text === "blue one\n");
  });

  it("goes to a side by TLS, whose certificate it verifies unless told not to", async () => {
    const folder = mkdtempSync(join(tmpdir(), "bascule-relay-"));
    const [key, cert] = ["key.pem", "cert.pem"].map((name) => join(folder, name));
    execFileSync(
      "openssl",
      `req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=cache -keyout ${key} -out ${cert}`.split(" "),
      {
        stdio: "ignore",
      },
    );
    const server = createTlsServer({ key: readFileSync(key ?? ""), cert: readFileSync(cert ?? "") }, (socket) => {
      socket.on("error", () => socket.destroy());
      socket.write("hello\n");
    });
    server.on("tlsClientError", () => undefined);
    rmSync(folder, { recursive: true });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const place = (verify: boolean) => ({
      host: "127.0.0.1",
      port: Number(Object(server.address()).port),
      tls: { verify },
    });
    const encrypted = new Relay({ blue: place(true), green: place(false) });
    try {
      port = await encrypted.listen(0);
      const trusting = enter();
      await until(() => trusting.told.text === "hello\n");
      await encrypted.lead({ side: "blue", heldUntil: 0 });
      const careful = enter();
      await until(() => careful.told.ended);
      assert.equal(careful.told.text, "");
    } finally {
      await encrypted.close();
      server.close();
    }
  });

  it("ends a client whose side is gone, rather than to leave it waiting", async () => {
    const gone = new Relay({
      blue: { host: "127.0.0.1", port: 1, tls: null },
      green: { host: "127.0.0.1", port: 1, tls: null },
    });
    port = await gone.listen(0);
    const { told } = enter();
    await until(() => told.ended);
    assert.equal(gone.connections, 0);
    await gone.close();
  });
});
