import { setCommand } from "../problems.ts";
import { problem, type Rule } from "./rule.ts";

const IMAGE_VERSIONS = { "debian-12": 15, "debian-13": 17, "ubuntu-24.04": 16 } as const;

const versionShipsWithImage: Rule = ({ postgres, server }) => {
  if (!postgres || !server) return [];
  const ships = IMAGE_VERSIONS[server.image];
  if (postgres.version === ships) return [];
  return [
    problem(
      "bascule:postgres.version",
      `got ${postgres.version} with bascule:server.image ${server.image}, which ships ${ships}; allowed: ${ships}, or another image. Set it: ${setCommand("bascule:postgres.version", String(ships))}`,
    ),
  ];
};

const windowLasts: Rule = ({ postgres }) => {
  const [from, to] = postgres?.restartWindow.split("-") ?? [];
  if (!postgres || from !== to) return [];
  return [
    problem(
      "bascule:postgres.restartWindow",
      `got "${postgres.restartWindow}", which is over as it begins; allowed: two different times, such as 02:00-04:00. Set it: ${setCommand("bascule:postgres.restartWindow", "02:00-04:00")}`,
    ),
  ];
};

/** Connections kept free for the operator, migrations, monitoring and copies; a full server lets nobody in to see why. */
const OPERATOR_CONNECTIONS = 10;
/** With these PgBouncer looks up the secrets of its clients. */
const AUTH_CONNECTIONS = 2;

/** What PgBouncer may come to hold beside the pool while clients wait; as provisioning/pgbouncer/render.ts sets it. */
function reserveOf(poolSize: number): number {
  return Math.max(2, Math.ceil(poolSize / 4));
}

const poolFitsServer: Rule = ({ postgres, pgbouncer }) => {
  if (!postgres || !pgbouncer) return [];
  const { poolSize } = pgbouncer;
  const total = (size: number) => size + reserveOf(size) + AUTH_CONNECTIONS + OPERATOR_CONNECTIONS;
  if (total(poolSize) <= postgres.maxConnections) return [];
  let most = poolSize;
  while (most > 1 && total(most) > postgres.maxConnections) most -= 1;
  return [
    problem(
      "bascule:pgbouncer.poolSize",
      `got ${poolSize}, which takes ${total(poolSize)} connections (pool ${poolSize}, reserve ${reserveOf(poolSize)}, lookups ${AUTH_CONNECTIONS}, operator ${OPERATOR_CONNECTIONS}), with bascule:postgres.maxConnections ${postgres.maxConnections}; allowed: at most ${most}, or more connections. Set it: ${setCommand("bascule:pgbouncer.poolSize", String(Math.min(20, most)))} or ${setCommand("bascule:postgres.maxConnections", String(total(poolSize)))}`,
    ),
  ];
};

/** Every client of the pool waits for one of its connections; fewer clients than connections leave some without use. */
const clientsFillPool: Rule = ({ pgbouncer }) => {
  if (!pgbouncer || pgbouncer.maxClientConnections >= pgbouncer.poolSize) return [];
  return [
    problem(
      "bascule:pgbouncer.maxClientConnections",
      `got ${pgbouncer.maxClientConnections} with bascule:pgbouncer.poolSize ${pgbouncer.poolSize}; allowed: at least as many clients as connections. Set it: ${setCommand("bascule:pgbouncer.maxClientConnections", "1000")}`,
    ),
  ];
};

const preparedStatementsArePooled: Rule = ({ pgbouncer, server }) => {
  if (!pgbouncer?.preparedStatements || server?.image !== "debian-12") return [];
  return [
    problem(
      "bascule:pgbouncer.preparedStatements",
      `got true with bascule:server.image debian-12, whose PgBouncer 1.18 loses them between transactions; allowed: false there, true with debian-13 and ubuntu-24.04. Set it: ${setCommand("bascule:pgbouncer.preparedStatements", "false")}`,
    ),
  ];
};

const queueMemoryNeedsQueue: Rule = ({ redis }) => {
  if (!redis || redis.queue || redis.queueMaxmemoryMiB === undefined) return [];
  return [
    problem(
      "bascule:redis.queueMaxmemoryMiB",
      `got ${redis.queueMaxmemoryMiB} without a queue; allowed: only with bascule:redis.queue true. Set it: ${setCommand("bascule:redis.queue", "true")}`,
    ),
  ];
};

/** They would make tables on green that blue has not, and a copy goes into an empty database only. */
const migrationsWaitForTheMove: Rule = ({ app, data }) => {
  if (data?.move !== "replication" || app?.migrations !== "apply") return [];
  return [
    problem(
      "bascule:app.migrations",
      `got "apply" with bascule:data.move replication, which would change green's tables and not blue's; allowed: after-copy or off. Set it: ${setCommand("bascule:app.migrations", "after-copy")}`,
    ),
  ];
};

/** Keys move with the rows: the same mover on green's server carries both. */
const keysMoveWithRows: Rule = ({ redis, data }) => {
  if (!redis?.move || !data || data.move === "replication") return [];
  return [
    problem(
      "bascule:redis.move",
      `got ${Object.keys(redis.move).length} prefixes with bascule:data.move ${data.move}; allowed: only with replication. Set it: ${setCommand("bascule:data.move", "replication")}, or leave the keys: pulumi config rm --path bascule:redis.move`,
    ),
  ];
};

/** A copy carries nothing back, so there is nobody to wait for. */
const waitingNeedsReplication: Rule = ({ data }) => {
  if (data?.wayBack !== "synchronous" || data.move === "replication") return [];
  return [
    problem(
      "bascule:data.wayBack",
      `got "synchronous" with bascule:data.move ${data.move}, which has no way back; allowed: only with bascule:data.move replication. Set it: ${setCommand("bascule:data.move", "replication")} or ${setCommand("bascule:data.wayBack", "asynchronous")}`,
    ),
  ];
};

/** Database, pool, cache and queue. */
export const storeRules: readonly Rule[] = [
  versionShipsWithImage,
  windowLasts,
  poolFitsServer,
  clientsFillPool,
  preparedStatementsArePooled,
  queueMemoryNeedsQueue,
  migrationsWaitForTheMove,
  keysMoveWithRows,
  waitingNeedsReplication,
];
