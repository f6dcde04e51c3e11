import assert from "node:assert/strict";
import type pg from "pg";
import type { Access } from "../../../migration/redis/server.ts";
import { renderBase } from "../../../provisioning/base/render.ts";
import type { Image } from "../../../provisioning/image.ts";
import { relayPort } from "../../../provisioning/mover/relay.ts";
import { type MoverSpec, renderMover } from "../../../provisioning/mover/render.ts";
import { packagesFor } from "../../../provisioning/packages.ts";
import { renderPgBouncer } from "../../../provisioning/pgbouncer/render.ts";
import { waitingFile } from "../../../provisioning/pgbouncer/writer.ts";
import { renderPostgres } from "../../../provisioning/postgres/render.ts";
import { relayedUser, renderRedis } from "../../../provisioning/redis/render.ts";
import { openForward } from "../../../provisioning/ssh/forward.ts";
import { uploadNode } from "../release.ts";
import { startServer, type TestServer } from "../server.ts";
import { base, canary, mover, pgbouncer, postgres, redisInMove } from "../specs.ts";
import { assertResult, sql } from "../stores/world.ts";
import { movedKeys, startBlueRedis } from "./keys.ts";

/** As a person might choose it: everything a URL, a configuration file and a shell have a meaning for. */
const ODD = "pa'ss w;rd #1=%\\\"$x";

/** Blue: a PostgreSQL 15 of somebody's; green: a server of ours with the mover. Names differ on both sides. */
export interface MoverPair {
  image: Image;
  blue: TestServer;
  green: TestServer;
  /** Where this process finds green's pool. */
  pool: pg.ClientConfig;
  /** Where it finds the relay, where keys move, too. */
  relayed: Access;
  /** Runs a verb of the mover as a job, to its end. @returns its lines, and how it ended */
  mover(verb: string, name?: string): Promise<{ code: number; events: Record<string, unknown>[] }>;
  onBlue(statements: string): Promise<string>;
  onGreen(statements: string): Promise<string>;
  /** Applies every bundle of green's. */
  apply(expected?: "changed" | "unchanged"): Promise<void>;
  remove(): Promise<void>;
}

/** @param options whether there are keys of Redis on blue, which move with the rows, and whether writes on green wait for blue */
export async function startMoverPair(
  image: "debian-12" | "debian-13",
  forwardPort: number,
  { keys, wayBack }: { keys: boolean; wayBack: MoverSpec["wayBack"] },
): Promise<MoverPair> {
  const [green, blue] = await Promise.all([startServer({ image }), startServer({ image: "debian-12", id: 2 })]);
  const remove = async () => {
    await Promise.all([green.remove(), blue.remove()]);
  };
  try {
    const [blueCa] = await Promise.all([prepareBlue(blue, green.address, keys), prepareGreen(green, image, keys)]);
    const node = await uploadNode(green);
    const apply = applier(
      green,
      { ...mover, image, node, wayBack, wayBackPatienceSeconds: 2 },
      { address: blue.address, blueCa },
      keys,
    );
    await apply("changed");
    const forward = (localPort: number, remotePort: number) =>
      openForward({
        host: green.address,
        user: "deploy",
        privateKey: green.privateKey,
        hostKey: green.hostKey,
        localPort,
        remotePort,
      });
    const forwards = [await forward(forwardPort, 6432), ...(keys ? [await forward(forwardPort + 5, relayPort)] : [])];
    const { appPassword } = movedKeys(blue.address);
    return {
      image,
      blue,
      green,
      pool: { host: "127.0.0.1", port: forwardPort, database: "shop", user: "shop", password: canary },
      relayed: { host: "127.0.0.1", port: forwardPort + 5, username: relayedUser, password: appPassword },
      mover: (verb, name = "data") => runMover(green, verb, name),
      onBlue: (statements) => sql({ image: "debian-12", server: () => blue }, statements, "store"),
      onGreen: (statements) => sql({ image, server: () => green }, statements, "shop"),
      apply,
      remove: async () => {
        for (const { close } of forwards) close();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** @returns the certificate it proves itself with, which it signed itself */
async function prepareBlue(blue: TestServer, greenAddress: string, keys: boolean): Promise<string> {
  const image = "debian-12";
  const world = { image, server: () => blue } as const;
  assertResult(
    await blue.apply(
      renderBase({ ...base, image, packages: packagesFor(image, keys ? ["postgres", "redis"] : ["postgres"]) }),
    ),
    0,
  );
  if (keys) await startBlueRedis(blue);
  assertResult(
    await blue.apply(
      renderPostgres({
        ...postgres,
        image,
        memoryMiB: 1024,
        listenAddresses: ["localhost", blue.address],
        allow: [{ database: "store", user: "store", cidr: `${greenAddress}/32` }],
      }),
    ),
    0,
  );
  const password = ODD.replaceAll("'", "''");
  await sql(world, `SET standard_conforming_strings = on; CREATE ROLE store LOGIN REPLICATION PASSWORD '${password}'`);
  await sql(world, "GRANT SET ON PARAMETER session_replication_role TO store");
  await sql(world, "CREATE DATABASE store OWNER store TEMPLATE template0 LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'");
  await sql(
    world,
    `SET ROLE store;
     CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, token text UNIQUE NOT NULL);
     CREATE TABLE stock (id int PRIMARY KEY, left_over int NOT NULL);
     CREATE TABLE note (line text); ALTER TABLE note REPLICA IDENTITY FULL;
     INSERT INTO stock SELECT n, 1000000 FROM generate_series(1, 5) n;
     INSERT INTO note SELECT 'line ' || n % 7 FROM generate_series(1, 500) n;`,
    "store",
  );
  return await ownCertificate(blue);
}

/** For the address it is asked at: what bundle postgres makes is for a server that is asked over loopback. */
async function ownCertificate(blue: TestServer): Promise<string> {
  return await blue.asRoot(
    `cd "$(runuser -u postgres -- psql -AtXc "SELECT substring(setting FROM '^(.*)/') FROM pg_settings WHERE name = 'ssl_cert_file'")"
     openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=blue \
       -addext 'subjectAltName=IP:${blue.address}' -keyout server.key -out server.crt 2>/dev/null
     systemctl reload postgresql@15-main
     cat server.crt`,
  );
}

async function prepareGreen(green: TestServer, image: Image, keys: boolean): Promise<void> {
  const world = { image, server: () => green };
  const packages = packagesFor(image, ["postgres", "pgbouncer", "app", ...(keys ? (["redis"] as const) : [])]);
  assertResult(await green.apply(renderBase({ ...base, image, packages })), 0);
  assertResult(
    await green.apply(renderPostgres({ ...postgres, image, memoryMiB: 1024, preload: [], include: waitingFile })),
    0,
  );
  await sql(world, `CREATE ROLE shop LOGIN PASSWORD '${canary}'`);
  await sql(world, "CREATE DATABASE shop OWNER shop TEMPLATE template0 LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'");
}

function applier(
  green: TestServer,
  spec: MoverSpec,
  { address, blueCa }: { address: string; blueCa: string },
  keys: boolean,
): MoverPair["apply"] {
  const { image } = spec;
  const blueUrl = `postgresql://store:${encodeURIComponent(ODD)}@${address}:5432/store?sslmode=verify-full`;
  const move = { blueUrl, blueCa, role: "shop", password: canary };
  return async (expected) => {
    assertResult(await green.apply(renderPgBouncer({ ...pgbouncer, image, move })), 0, expected);
    if (keys)
      assertResult(
        await green.apply(
          renderRedis({ ...redisInMove, image, cache: { ...redisInMove.cache, policy: "noeviction" } }),
        ),
        0,
        expected,
      );
    const moved = keys ? { keys: movedKeys(address) } : {};
    assertResult(await green.apply(renderMover({ ...spec, move, ...moved })), 0, expected);
  };
}

async function runMover(green: TestServer, verb: string, name: string): ReturnType<MoverPair["mover"]> {
  const script = `exec /usr/local/lib/bascule/mover/run ${verb} --who 'the test'`;
  const started = await green.hostctl(`job start --name ${name}`, JSON.stringify({ script, user: "postgres" }));
  assert.equal(started.code, 0, JSON.stringify(started.body));
  const { body } = await green.hostctl(`job wait --name ${name} --seconds 120`);
  const lines = String(body.output).split("\n");
  const events = lines.flatMap((line) => (line.startsWith("{") ? [JSON.parse(line) as Record<string, unknown>] : []));
  assert.notEqual(body.state, "running", lines.slice(-5).join("\n"));
  return { code: Number(body.exitCode ?? -1), events };
}
