import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import pg from "pg";
import { PushPath } from "../../../migration/postgres/applier/path.ts";
import { type Access, Database } from "../../../migration/postgres/database.ts";
import { type Move, prepareMove } from "../../../migration/postgres/move.ts";
import { NativePath } from "../../../migration/postgres/native.ts";
import { noPooler, PgBouncer, type Pooler } from "../../../migration/postgres/pooler.ts";
import { createSubscription, ensureSlot, subscriptionTrouble } from "../../../migration/postgres/stream.ts";
import { SynchronousWay } from "../../../migration/postgres/synchronous.ts";
import type { Side } from "../../../migration/side.ts";
import { ProcessApplier } from "./applier.ts";
import { type Cluster, type Major, startCluster } from "./cluster.ts";
import { onInterrupt } from "./interrupt.ts";
import { startPooler, type TestPooler, writePooler } from "./pooler.ts";
import { ROWS, SHOP } from "./shop.ts";

/** Everything a process needs to work on the move of a test; plain, so that it can be handed to one. */
export interface Place {
  /** Ports of the databases, as an operator reaches them. */
  operator: Record<Side, number>;
  /** Ports through which each side is reached by the other one. */
  peer: Record<Side, number>;
  pooler?: { port: number; file: string };
  /** Configuration of the applier that pushes green's changes to blue; without it blue has a subscription. */
  applier?: string;
  /** Green's file of what its commits wait for; without it they wait for nobody. */
  synchronous?: string;
}

const access = (port: number): Access => ({ host: "127.0.0.1", port, user: "postgres", database: "app" });

/** The move of a test, from the ports alone. */
export function moveAt({ operator, peer, pooler, applier, synchronous }: Place): Move {
  return {
    access: { blue: access(operator.blue), green: access(operator.green) },
    paths: {
      blue: new NativePath("blue", access(peer.blue)),
      green:
        applier === undefined
          ? new NativePath("green", access(peer.green))
          : new PushPath("green", new ProcessApplier(applier)),
    },
    pooler: pooler === undefined ? noPooler : bouncer(pooler.port, pooler.file, operator),
    ...(synchronous === undefined ? {} : { synchronous: new SynchronousWay("green", synchronous) }),
  };
}

function bouncer(port: number, file: string, sides: Record<Side, number>): Pooler {
  return new PgBouncer({
    admin: { host: "127.0.0.1", port, user: "postgres", database: "pgbouncer" },
    database: "app",
    write: async (side) => writePooler(file, port, sides[side]),
  });
}

/** One worker in five seconds is what servers of 15 start, whatever they are for; tests flip more often than that. */
const SETTINGS = { wal_retrieve_retry_interval: "50ms" };

/** Two databases with the shop in them, copied from blue to green, and blue open. */
export interface Pair {
  place: Place;
  move: Move;
  clusters: Record<Side, Cluster>;
  /** A session of the test's own at each side. */
  blue: Database;
  green: Database;
  /** The application's ways: the pooler, or both databases where there is none. */
  application: Access[];
  remove(): Promise<void>;
}

export interface PairOptions {
  pooler?: boolean;
  /** Whether green's changes are pushed to blue, as where blue may not subscribe. */
  pushed?: boolean;
  /** How far each server's clock is off, in milliseconds. */
  clocks?: Record<Side, number>;
  /** Whether green's commits wait for blue. */
  synchronous?: boolean;
  /** More settings of both servers. */
  settings?: Record<string, string>;
  /** Stands in for the port at which a side is reached by the other one. */
  peer?: (side: Side, port: number) => Promise<number>;
  /** The same for the port at which the operator, and the pooler, reach a side. */
  operator?: (side: Side, port: number) => Promise<number>;
}

export async function startPair(blue: Major, green: Major, options: PairOptions = {}): Promise<Pair> {
  const { clocks, settings } = options;
  const started = await Promise.allSettled([
    startCluster(blue, { ...SETTINGS, ...settings }, clocks?.blue),
    startCluster(green, { ...SETTINGS, ...settings }, clocks?.green),
  ]);
  const clusters = started.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  const [blueCluster, greenCluster] = clusters;
  let pooler: TestPooler | undefined;
  const sessions: Database[] = [];
  const folder = mkdtempSync(join(tmpdir(), "bascule-pair-"));
  const applier = join(folder, "applier.json");
  const removeApplier = async () => {
    await new ProcessApplier(applier).stop();
    rmSync(folder, { recursive: true, force: true });
  };
  const forget = onInterrupt(removeApplier);
  const remove = async () => {
    await removeApplier();
    forget();
    await Promise.all(sessions.map((session) => session.close()));
    await pooler?.remove();
    await Promise.all(clusters.map((cluster) => cluster.remove()));
  };
  try {
    if (blueCluster === undefined || greenCluster === undefined)
      throw new Error("a database of the test does not start");
    await Promise.all(clusters.map(createShop));
    const bySide = async (by: (side: Side, port: number) => Promise<number>) => ({
      blue: await by("blue", blueCluster.port),
      green: await by("green", greenCluster.port),
    });
    const asItIs = async (_: Side, port: number) => port;
    const operator = await bySide(options.operator ?? asItIs);
    if (options.pooler ?? true) pooler = await startPooler(operator.blue);
    const place: Place = {
      operator,
      peer: await bySide(options.peer ?? asItIs),
      ...(pooler ? { pooler: { port: pooler.port, file: pooler.file } } : {}),
      ...(options.pushed ? { applier } : {}),
      ...(options.synchronous ? { synchronous: greenCluster.included } : {}),
    };
    writeFileSync(
      applier,
      JSON.stringify({
        from: "green",
        streamed: options.synchronous,
        blue: access(place.peer.blue),
        green: access(place.peer.green),
      }),
    );
    const move = moveAt(place);
    const at = { blue: new Database("blue", move.access.blue), green: new Database("green", move.access.green) };
    sessions.push(at.blue, at.green);
    await at.blue.query(ROWS);
    await prepareMove(move, "a test");
    await copy(at, access(place.peer.blue));
    const ports = pooler === undefined ? [operator.blue, operator.green] : [pooler.port];
    const application = ports.map((port) => ({ ...access(port), user: "appuser" }));
    return { place, move, clusters: { blue: blueCluster, green: greenCluster }, ...at, application, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function createShop({ port }: Cluster): Promise<void> {
  for (const [database, sql] of [
    ["postgres", "CREATE ROLE appuser LOGIN; CREATE ROLE cron LOGIN"],
    ["postgres", "CREATE DATABASE app"],
    ["app", SHOP],
  ] as const) {
    const client = new pg.Client({ ...access(port), database });
    await client.connect();
    await client.query(sql).finally(() => client.end());
  }
}

async function copy({ blue, green }: Record<Side, Database>, peer: Access): Promise<void> {
  await ensureSlot({ blue, green }, "blue");
  await createSubscription(green, { from: "blue", access: peer, copyData: true, originNone: false });
  for (const deadline = Date.now() + 20_000; ; await pause(30)) {
    const trouble = await subscriptionTrouble(green, "blue");
    if (trouble === undefined) return;
    if (Date.now() > deadline) throw new Error(trouble);
  }
}
