import assert from "node:assert/strict";
import { createServer } from "node:net";
import { identifier, literal, Postgres } from "../../localcloud/plugins/postgresql/client.ts";
import { equalPrivileges } from "../../localcloud/plugins/postgresql/privileges.ts";
import { belongs, storedForm } from "../../localcloud/plugins/postgresql/scram.ts";
import { contextOf, providerOf, resourceOf } from "../support/plugins.ts";

const PASSWORD = "p@ss-of-the-admin";
/** What PostgreSQL 17 stored for the password `pencil`. */
const STORED =
  "SCRAM-SHA-256$4096:pgTLn9tNRs13L3me9Xv4mg==$7OYzXGVwnmzU8ePPV5dBkUjqgeKW7HaVj/gYAmaF/MA=:7j0DQ8vaYjd8/nhYVHQvOIH4IZ7Y4w+CQlVKlXOBgrQ=";

async function client(port: number): Promise<Postgres> {
  const provider = await providerOf("postgresql");
  const made = provider.configure({
    host: "127.0.0.1",
    port,
    password: PASSWORD,
    sslmode: "disable",
    connectTimeout: 1,
  });
  assert.ok(made instanceof Postgres);
  return made;
}

/** A port where `answer` is what everybody gets. */
async function listening(answer: Buffer | "close"): Promise<{ port: number; close(): void }> {
  const server = createServer((socket) => {
    if (answer === "close") socket.destroy();
    else socket.once("data", () => socket.end(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  return { port: address.port, close: () => server.close() };
}

describe("plugins: postgresql", () => {
  it("names and texts cannot break out of their quotes", () => {
    assert.equal(identifier('sh"op'), '"sh""op"');
    assert.equal(literal("it's"), "'it''s'");
    assert.equal(literal("back\\slash'"), " E'back\\\\slash'''");
  });

  it("passwords are sent in the form the server stores, so that no log of statements shows them", () => {
    const sent = storedForm("pencil");
    assert.match(sent, /^SCRAM-SHA-256\$4096:/);
    assert.ok(belongs(sent, "pencil", "shop"));
    assert.ok(!belongs(sent, "pencils", "shop"));
    assert.ok(belongs(STORED, "pencil", "shop"));
    assert.ok(!belongs(STORED, "Pencil", "shop"));
    assert.equal(storedForm(STORED), STORED);
    assert.equal(storedForm("grüße"), "grüße", "the server normalises what is not ASCII; we do not");
  });

  it("other stored forms are recognised too", () => {
    const stored = "md5f433c50293bc7afbe20b67ceb15a1e55";
    assert.ok(belongs(stored, "secret", "shop"));
    assert.ok(!belongs(stored, "secret", "other"), "the name of the role is part of it");
    assert.ok(belongs(stored, stored, "shop"), "a program may give the stored form itself");
    assert.ok(!belongs("", "secret", "shop"));
  });

  it("ALL means every privilege of the type, with or without the newest", () => {
    assert.ok(equalPrivileges(["USAGE", "CREATE"], ["ALL"], "schema"));
    assert.ok(!equalPrivileges(["USAGE"], ["ALL"], "schema"));
    const table = ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"];
    assert.ok(equalPrivileges(table, ["ALL"], "table"));
    assert.ok(equalPrivileges([...table, "MAINTAIN"], ["ALL"], "table"));
    assert.ok(!equalPrivileges(table.slice(1), ["ALL"], "table"));
  });

  it("a missing forward is named, with its port and the way out, and without the password", async () => {
    const free = await listening("close");
    free.close();
    const closing = await listening("close");
    const role = await resourceOf("postgresql:index/role:Role");
    for (const { port } of [free, closing]) {
      const context = contextOf<unknown>(await client(port));
      await assert.rejects(role.read(context, "shop", {}, {}), (error: Error) => {
        assert.match(
          error.message,
          new RegExp(`cannot reach PostgreSQL at 127\\.0\\.0\\.1:${port} .* SSH forward .* open it again`),
        );
        assert.ok(!error.message.includes(PASSWORD));
        return true;
      });
    }
    closing.close();
  });

  it("what the server says goes through, the password does not", async () => {
    const fields = Buffer.from(`SERROR\0C28P01\0Mwrong password ${PASSWORD}\0\0`);
    const header = Buffer.alloc(5);
    header.write("E");
    header.writeInt32BE(fields.length + 4, 1);
    const server = await listening(Buffer.concat([header, fields]));
    const context = contextOf<unknown>(await client(server.port));
    const database = await resourceOf("postgresql:index/database:Database");
    await assert.rejects(database.read(context, "shop", {}, {}), (error: Error) => {
      assert.match(
        error.message,
        /error connecting to PostgreSQL at 127\.0\.0\.1:\d+ as postgres \(postgres\): wrong password \*\*\*/,
      );
      return true;
    });
    server.close();
  });

  it("grants cannot be imported, as with the official provider, and say so", async () => {
    const grant = await resourceOf("postgresql:index/grant:Grant");
    await assert.rejects(grant.read(contextOf<unknown>(null), "r_d", {}, undefined), /cannot be imported; create it/);
  });
});
