import type { Finding } from "../../inspection.ts";
import type { Side } from "../../side.ts";
import type { Database } from "../database.ts";
import { type Check, question } from "./check.ts";
import { formatBytes } from "./format.ts";

/** Tables that are copied at a time, each with a slot of its own while it is. */
const COPIED_AT_ONCE = 2;
/** What a copy brings across at the least; the log must be kept for as long. */
const SLOWEST_BYTES_PER_SECOND = 10 * 1024 * 1024;
const KEPT_FREE = 0.2;
const SKEW_SECONDS = 5;

const bothSides = (run: (side: Side) => Check[]): Check[] => [...run("blue"), ...run("green")];

/** What the two servers must be and allow. */
export const serverChecks: Check[] = [
  ...bothSides((side) => [
    question(
      `version.${side}`,
      side,
      "SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int / 10000 AS major",
      ({ version, major }) => ({
        level: Number(major) >= 15 && Number(major) <= 18 ? "info" : "blocks",
        what: `PostgreSQL ${version}`,
        remedy: Number(major) < 15 ? "upgrade it to 15 or later" : Number(major) > 18 ? "only 15 to 18 are known" : "",
      }),
    ),
    question(`replica.${side}`, side, "SELECT 1 AS n WHERE pg_is_in_recovery()", () => ({
      level: "blocks",
      what: "this server is a replica: nothing can be published from it or written to it",
      remedy: "use the address of its primary",
    })),
    question(
      `encoding.${side}`,
      side,
      "SELECT pg_encoding_to_char(encoding) AS encoding FROM pg_database WHERE datname = current_database() AND pg_encoding_to_char(encoding) <> 'UTF8'",
      ({ encoding }) => ({
        level: "blocks",
        what: `the database is encoded in ${encoding}; values are compared and carried as UTF-8`,
        remedy: "dump it and restore it into a database made WITH ENCODING 'UTF8' TEMPLATE template0",
      }),
    ),
    question(
      `wal-level.${side}`,
      side,
      "SELECT setting FROM pg_settings WHERE name = 'wal_level' AND setting <> 'logical'",
      ({ setting }) => ({
        level: "setting",
        what: `wal_level is ${setting}; changes ${side === "blue" ? "to green" : "back to blue"} need logical`,
        remedy: "ALTER SYSTEM SET wal_level = 'logical'; then restart the server",
      }),
    ),
    room(side, "max_replication_slots", "SELECT count(*) FROM pg_replication_slots", "replication slots"),
    room(
      side,
      "max_wal_senders",
      "SELECT count(*) FROM pg_stat_get_wal_senders() WHERE pid IS NOT NULL",
      "WAL senders",
    ),
  ]),
  question(
    "workers.green",
    "green",
    "SELECT name, setting FROM pg_settings WHERE name IN ('max_logical_replication_workers', 'max_worker_processes') AND setting::int < 4",
    ({ name, setting }) => ({
      level: "setting",
      what: `${name} is ${setting}; a copy uses up to 4 workers`,
      remedy: `ALTER SYSTEM SET ${name} = 8; then restart the server`,
    }),
  ),
  { id: "wal-allowance", side: "blue", run: ({ blue }) => walAllowance(blue) },
  { id: "clock", side: "both", run: ({ blue, green }) => clocks({ blue, green }) },
  { id: "same-database", side: "both", run: ({ blue, green }) => sameDatabase({ blue, green }) },
];

function room(side: Side, setting: string, used: string, what: string): Check {
  const needed = 1 + (side === "blue" ? COPIED_AT_ONCE : 0);
  return question(
    `${setting.replaceAll("_", "-")}.${side}`,
    side,
    `SELECT current_setting('${setting}') AS most, (${used}) AS used WHERE current_setting('${setting}')::int - (${used}) < ${needed}`,
    (row) => ({
      level: "setting",
      what: `${row.used} of ${row.most} ${what} are in use; a move needs ${needed} free`,
      remedy: `ALTER SYSTEM SET ${setting} = ${Number(row.used) + needed}; then restart the server${what.includes("slot") ? "; or drop a slot nobody reads: SELECT slot_name FROM pg_replication_slots WHERE NOT active" : ""}`,
    }),
  );
}

/** During the copy the source keeps its log for the slot. Beyond its allowance it drops the log, and the copy is worth nothing. */
async function walAllowance(blue: Database): Promise<Omit<Finding, "id">[]> {
  const row = await blue.one(`SELECT current_setting('max_slot_wal_keep_size') AS shown,
    (SELECT setting::bigint * 1024 * 1024 FROM pg_settings WHERE name = 'max_slot_wal_keep_size') AS allowance,
    pg_database_size(current_database()) AS size,
    (SELECT wal_bytes / greatest(extract(epoch FROM now() - stats_reset), 60) FROM pg_stat_wal) AS rate`);
  const size = Number(row.size);
  const rate = Number(row.rate);
  const needed = (rate * size) / SLOWEST_BYTES_PER_SECOND / (1 - KEPT_FREE);
  const found: Omit<Finding, "id">[] = [
    {
      level: "info",
      what: `${formatBytes(size)} of data; it writes ${formatBytes(rate)} of log a second on average`,
      where: "blue",
      remedy: "",
    },
  ];
  const allowance = Number(row.allowance);
  if (allowance < 0)
    found.push({
      level: "info",
      what: "max_slot_wal_keep_size is unlimited: a copy that stalls fills the disk of blue",
      where: "blue",
      remedy: "watch it: bascule data status shows how much log is kept",
    });
  else if (allowance < needed)
    found.push({
      level: "setting",
      what: `max_slot_wal_keep_size is ${row.shown}, and about ${formatBytes(needed)} of log will be written during the copy`,
      where: "blue",
      remedy: `ALTER SYSTEM SET max_slot_wal_keep_size = '${Math.ceil(needed / 1024 / 1024)}MB'; SELECT pg_reload_conf();`,
    });
  return found;
}

async function clocks(at: Record<Side, Database>): Promise<Omit<Finding, "id">[]> {
  const skew = async (side: Side) => {
    await at[side].one("SELECT 1 AS n");
    const began = Date.now();
    const { now } = await at[side].one("SELECT extract(epoch FROM clock_timestamp()) * 1000 AS now");
    const trip = Date.now() - began;
    return { trip, ahead: Number(now) - (began + trip / 2) };
  };
  const [blue, green] = [await skew("blue"), await skew("green")];
  const apart = Math.abs(blue.ahead - green.ahead) / 1000;
  const trips: Omit<Finding, "id"> = {
    level: "info",
    what: `a question takes ${blue.trip} ms to blue and ${green.trip} ms to green`,
    where: "both",
    remedy: "",
  };
  if (apart < SKEW_SECONDS) return [trips];
  return [
    trips,
    {
      level: "setting",
      what: `the clocks of blue and green are ${apart.toFixed(0)} s apart: rows written after the switch would look older than rows before it`,
      where: "both",
      remedy: "let chrony or systemd-timesyncd keep the time on both servers",
    },
  ];
}

async function sameDatabase(at: Record<Side, Database>): Promise<Omit<Finding, "id">[]> {
  const identity = `SELECT (SELECT system_identifier FROM pg_control_system()) || ' ' || oid AS id FROM pg_database WHERE datname = current_database()`;
  const [blue, green] = [await at.blue.one(identity), await at.green.one(identity)];
  if (blue.id !== green.id) return [];
  return [
    {
      level: "blocks",
      what: "blue and green are the same database (a server and a physical copy of it count as the same, too)",
      where: "both",
      remedy: "correct the address of one of them",
    },
  ];
}
