import { doesNotMatch, match, rejects } from "node:assert";
import { Database } from "../../migration/postgres/database.ts";
import { createSubscription } from "../../migration/postgres/stream.ts";
import { type Cluster, startCluster } from "./support/cluster.ts";

describe("the password of the other side", function () {
  this.timeout(60_000);
  let cluster: Cluster;
  let green: Database;

  before(async () => {
    // A server that writes down everything.
    const talkative = { log_statement: "all", log_min_duration_statement: "0", log_min_error_statement: "error" };
    const file = { logging_collector: "on", log_directory: "log", log_filename: "server.log" };
    cluster = await startCluster(17, { ...talkative, ...file });
    green = new Database("green", {
      host: "127.0.0.1",
      port: cluster.port,
      user: "postgres",
      database: "postgres",
    });
  });

  after(async () => {
    await green.close();
    await cluster.remove();
  });

  it("is not in the log of the server that subscribes with it, also when that fails", async () => {
    const access = { host: "127.0.0.1", port: 1, user: "blue", database: "shop", password: "correct horse" };
    await rejects(createSubscription(green, { from: "blue", access, copyData: false, originNone: false }));
    await green.query("SELECT 'written after it'");
    const read = async () => String((await green.one("SELECT pg_read_file('log/server.log') AS log")).log);
    let log = await read();
    // Another process writes it down.
    for (let tries = 0; tries < 50 && !log.includes("written after it"); tries += 1) log = await read();
    match(log, /written after it/);
    match(log, /could not connect/);
    doesNotMatch(log, /correct horse/);
  });
});
