import { deepStrictEqual, match, rejects, strictEqual } from "node:assert";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { blueAccess, readConfiguration } from "../../migration/mover/configuration.ts";
import { StreamedSlot } from "../../migration/postgres/applier/streamed-slot.ts";
import { type Access, Database } from "../../migration/postgres/database.ts";
import { connection, connectionChecks } from "../../migration/postgres/inspect/connection.ts";
import { streamName } from "../../migration/postgres/names.ts";
import { subscriptionRefusal } from "../../migration/postgres/stream.ts";
import { dumpSchema } from "../../migration/postgres/sync/dump.ts";
import { blueTls } from "../../provisioning/pgbouncer/writer.ts";
import { type Certificates, makeCertificates } from "./support/certificates.ts";
import { type Cluster, startCluster } from "./support/cluster.ts";
import { makeStream } from "./support/databases.ts";
import { startPooler } from "./support/pooler.ts";

describe("the certificate of blue's database", function () {
  this.timeout(60_000);
  let folder: string;
  let certificates: Certificates;
  let blue: Cluster;
  let green: Cluster;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "bascule-tls-"));
    certificates = await makeCertificates("localhost");
    [blue, green] = await Promise.all([startCluster(15, certificates.settings), startCluster(17)]);
  });
  after(async () => {
    await Promise.all([blue?.remove(), green?.remove()]);
    certificates?.remove();
    rmSync(folder, { recursive: true });
  });

  const url = (host: string, sslmode: string) =>
    `postgresql://postgres:any@${host}:${blue.port}/postgres?sslmode=${sslmode}`;

  /** As the mover on green reads it from its file. */
  const reached = (host: string, sslmode: string, authority: string): Access => {
    const file = join(folder, "move.json");
    const green = { database: "postgres", role: "postgres" };
    const told = {
      blue: url(host, sslmode),
      blueAuthorities: authority,
      green,
      poolPort: 1,
      folder,
      waitingFile: file,
    };
    writeFileSync(file, JSON.stringify(told));
    return readConfiguration(file).access.blue;
  };

  /** By each of those that go to blue: what it says, or that it came in. */
  const outcomes = async (access: Access) => {
    const said = async (attempt: Promise<unknown>) =>
      attempt.then(
        () => "in",
        (error: Error) => error.message,
      );
    const questions = new Database("blue", access);
    const there = new Database("green", {
      host: "127.0.0.1",
      port: green.port,
      user: "postgres",
      database: "postgres",
    });
    const leftOut = { schemas: [], extensions: [], eventTriggers: [] };
    try {
      return {
        questions: await said(questions.query("SELECT")),
        dump: await said(dumpSchema(access, { major: 15, command: ["pg_dump"], leftOut })),
        subscription: (await subscriptionRefusal(there, access)) ?? "in",
        pool: await said(throughPool(access)),
      };
    } finally {
      await Promise.all([questions.close(), there.close()]);
    }
  };

  /** With what bundle pgbouncer writes, but for the place of the file. */
  const throughPool = async ({ host, tls }: Access) => {
    const move = { blueUrl: url(host, tls?.mode ?? "disable"), role: "x", password: "x" };
    const settings = { ...blueTls(move), ...(tls?.caFile ? { server_tls_ca_file: tls.caFile } : {}) };
    const pooler = await startPooler(blue.port, { host, dbname: "postgres", settings });
    const client = new pg.Client({ host: "127.0.0.1", port: pooler.port, user: "postgres", database: "app" });
    client.on("error", () => undefined);
    const closed = new Promise<never>((_, reject) => {
      const look = setInterval(() => {
        const [line] = /TLS handshake failed.*|.*certificate.*/.exec(readFileSync(`${pooler.file}.log`, "utf8")) ?? [];
        if (line === undefined) return;
        clearInterval(look);
        reject(new Error(line));
      }, 20);
      client.once("end", () => clearInterval(look));
    });
    try {
      await Promise.race([client.connect().then(() => client.query("SELECT")), closed]);
    } finally {
      client.end().catch(() => undefined);
      await pooler.remove();
    }
  };

  const all = (outcome: string) => ({ questions: outcome, dump: outcome, subscription: outcome, pool: outcome });

  it("is verified by everybody who goes there, and lets in where authority and name are right", async () => {
    const access = reached("localhost", "verify-full", certificates.authority);
    deepStrictEqual(await outcomes(access), all("in"));
    const blueSide = new Database("blue", access);
    try {
      const { ssl } = await blueSide.one("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()");
      strictEqual(ssl, "t");
      strictEqual(await connection(blueSide), undefined);
      await makeStream(blueSide);
      const name = streamName("blue");
      const slot = await StreamedSlot.open(blueSide, name, name, new AbortController().signal);
      const { ssl: streamed } = await blueSide.one(
        "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_replication USING (pid) WHERE application_name = $1",
        [name],
      );
      strictEqual(streamed, "t");
      await slot.close();
    } finally {
      await blueSide.close();
    }
  });

  it("keeps everybody out whose authority is another, and says what to set", async () => {
    const access = reached("localhost", "verify-full", certificates.stranger);
    const { questions, dump, subscription, pool } = await outcomes(access);
    match(questions, /does not let postgres in: (unable to verify|self-signed|unable to get)/);
    match(dump, /certificate verify failed/);
    match(subscription, /certificate verify failed/);
    match(pool, /certificate verify failed/);
    const found = await connection(new Database("blue", access));
    strictEqual(found?.level, "blocks");
    match(found.remedy, /pulumi config set --path bascule:blue\.databaseCa < blue-ca\.pem/);
  });

  it("keeps everybody out where the name is another, and says what to set", async () => {
    const access = reached("127.0.0.1", "verify-full", certificates.authority);
    const { questions, dump, subscription, pool } = await outcomes(access);
    match(questions, /IP: 127\.0\.0\.1 is not in the cert's list/);
    match(dump, /server certificate for "localhost".* does not match host name "127\.0\.0\.1"/);
    match(subscription, /server certificate for "localhost".* does not match host name "127\.0\.0\.1"/);
    match(pool, /name .*127\.0\.0\.1.* not present in server certificate/);
    const found = await connection(new Database("blue", access));
    match(found?.remedy ?? "", /name the server in bascule:blueDatabaseUrl as its certificate does.*verify-ca/);
  });

  it("may be for any name with verify-ca, and not from any authority", async () => {
    deepStrictEqual(await outcomes(reached("127.0.0.1", "verify-ca", certificates.authority)), all("in"));
    const { questions, dump, subscription, pool } = await outcomes(
      reached("127.0.0.1", "verify-ca", certificates.stranger),
    );
    for (const said of [questions, dump, subscription, pool]) match(said, /verify|self-signed|issuer/);
  });

  it("is not looked at with require", async () => {
    deepStrictEqual(await outcomes(reached("127.0.0.1", "require", "/nowhere")), all("in"));
  });

  it("is verified from the operator's machine with the authority of the settings, or those Node.js has", async () => {
    const own = new Database(
      "blue",
      blueAccess(url("localhost", "verify-full"), certificates.pem(certificates.authority)),
    );
    await own.query("SELECT");
    await own.close();
    const publicly = new Database("blue", blueAccess(url("localhost", "verify-full")));
    await rejects(publicly.query("SELECT"), /unable to verify|self-signed|unable to get/);
  });

  it("is asked of a server that does not encrypt, which is told", async () => {
    const access = reached("localhost", "verify-full", certificates.authority);
    const found = await connection(new Database("blue", { ...access, port: green.port }));
    match(found?.what ?? "", /does not support SSL/);
    match(found?.remedy ?? "", /ssl = on.*sslmode=disable/);
  });
});

describe("a way out of the private network", () => {
  const look = async (host: string, mode?: "require" | "verify-ca" | "verify-full") => {
    const access = { host, port: 5432, database: "x", user: "x", ...(mode === undefined ? {} : { tls: { mode } }) };
    const at = { blue: new Database("blue", access), green: new Database("green", { ...access, host: "/run" }) };
    return (await Promise.all(connectionChecks.map((check) => check.run(at)))).flat();
  };

  it("needs a setting where nothing is verified", async () => {
    for (const host of ["203.0.113.20", "172.32.0.1", "2001:db8::1", "db.example.com"]) {
      const [found, ...more] = await look(host, "require");
      deepStrictEqual([found?.level, found?.where, more.length], ["setting", "blue", 0]);
      match(found?.what ?? "", /certificate is not verified/);
      match(found?.remedy ?? "", /sslmode=verify-full.*bascule:blue\.databaseCa/);
      match((await look(host))[0]?.what ?? "", /nothing on it is encrypted/);
    }
  });

  it("is fine where it is verified, and inside there is nothing to say", async () => {
    for (const mode of ["verify-full", "verify-ca"] as const) deepStrictEqual(await look("db.example.com", mode), []);
    for (const host of ["10.20.1.2", "192.168.1.2", "172.31.0.1", "127.0.0.1", "::1", "fd00::2", "localhost", "/run"])
      deepStrictEqual([...(await look(host, "require")), ...(await look(host))], []);
  });
});
