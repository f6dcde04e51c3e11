import { Database, type Row } from "../../../migration/postgres/database.ts";
import { identifier, streamName } from "../../../migration/postgres/names.ts";
import { CANONICAL } from "../../../migration/postgres/session.ts";
import type { Side } from "../../../migration/side.ts";
import { type Cluster, type Major, startCluster } from "./cluster.ts";

/** Two servers with one empty database each, under a name that has to be quoted. */
export interface Pair {
  clusters: Record<Side, Cluster>;
  blue: Database;
  green: Database;
  remove(): Promise<void>;
}

export async function startPair(
  blue: Major,
  green: Major,
  settings: Partial<Record<Side, Record<string, string>>> = {},
): Promise<Pair> {
  const [one, two] = await Promise.all([startCluster(blue, settings.blue), startCluster(green, settings.green)]);
  const clusters = { blue: one, green: two };
  const open = async (side: Side) => {
    const database = `shop "${side}" 🛒`;
    const access = { host: "127.0.0.1", port: clusters[side].port, user: "postgres", database };
    const maintenance = new Database(side, { ...access, database: "postgres" });
    await maintenance.query(`CREATE DATABASE ${identifier(database)}`);
    await maintenance.close();
    return new Database(side, access);
  };
  const pair = { blue: await open("blue"), green: await open("green") };
  return {
    clusters,
    ...pair,
    async remove() {
      await Promise.all([pair.blue.close(), pair.green.close()]);
      await Promise.all([one.remove(), two.remove()]);
    },
  };
}

/** What a flip makes on the side that is read, without the rest of a flip. */
export async function makeStream(from: Database): Promise<void> {
  const name = streamName(from.side);
  await from.query(`CREATE PUBLICATION ${name} FOR ALL TABLES WITH (publish_via_partition_root = true)`);
  await from.query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [name]);
}

/** Every row of a table as text, sorted: slow and plain, so that a test does not trust what it tests. */
export async function content(database: Database, table: string): Promise<string[]> {
  const session = database.another({ setup: [...CANONICAL, "SET search_path = public"] });
  try {
    const rows = await session.query(`SELECT t::text AS row FROM ${table} AS t ORDER BY t::text COLLATE "C"`);
    return rows.map(({ row }: Row) => String(row));
  } finally {
    await session.close();
  }
}
