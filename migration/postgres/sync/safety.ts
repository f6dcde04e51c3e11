import { readCatalog } from "../catalog.ts";
import { type Database, field } from "../database.ts";
import { qualified, SCHEMA, streamName } from "../names.ts";
import type { Attempt } from "./plan.ts";

/** Below this share of its allowance the slot is given up, before blue drops the log under it. */
const KEPT_FREE = 0.2;

/**
 * Looks how much log blue may still keep for the slot.
 * @param giveUp ends the way and drops the slot
 * @throws Error when the slot is gone, or was given up here
 */
export async function requireSlotSafe(blue: Database, giveUp: () => Promise<void>): Promise<void> {
  const [slot] = await blue.query(
    `SELECT wal_status, safe_wal_size,
       (SELECT setting::bigint * 1024 * 1024 FROM pg_settings WHERE name = 'max_slot_wal_keep_size') AS allowance
     FROM pg_replication_slots WHERE slot_name = $1`,
    [streamName("blue")],
  );
  if (slot === undefined) throw new Error("blue's slot is gone; run this again, which begins the rows anew");
  const allowance = Number(slot.allowance ?? -1);
  const safe = slot.safe_wal_size ?? null;
  if (slot.wal_status !== "lost" && (allowance < 0 || safe === null || Number(safe) >= allowance * KEPT_FREE)) return;
  await giveUp();
  throw new Error(
    `blue has written so much log that ${safe ?? 0} of ${allowance} bytes of its allowance were left; the copy was given up before blue dropped the log. ` +
      "Raise max_slot_wal_keep_size on blue (bascule inspect names a value) or choose a quieter hour, then run this again",
  );
}

/** Tables on their way, with the name their slot on blue begins with. */
const ON_THEIR_WAY = `
SELECT format('pg_%s_sync_%s_', s.oid, r.srrelid) AS slot, n.nspname AS schema, c.relname AS name, c.relkind = 'p' AS root
FROM pg_subscription s JOIN pg_subscription_rel r ON r.srsubid = s.oid AND r.srsubstate NOT IN ('r', 's')
  JOIN pg_class c ON c.oid = r.srrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE s.subname = $1 AND n.nspname <> '${SCHEMA}'`;

/** Slots that keep so much log that little of the allowance is left. */
const SHORT = `
SELECT slot_name FROM pg_replication_slots CROSS JOIN LATERAL
  (SELECT setting::bigint * 1024 * 1024 AS bytes FROM pg_settings WHERE name = 'max_slot_wal_keep_size') AS allowance
WHERE slot_name LIKE 'pg\\_%\\_sync\\_%' AND database = current_database()
  AND (wal_status = 'lost' OR allowance.bytes >= 0 AND safe_wal_size < allowance.bytes * ${KEPT_FREE})`;

/**
 * Looks at the slots of the tables that a subscription copies at the moment; each keeps blue's log from the beginning of its table
 * on. A table that takes too long for the log blue may keep is given up alone: what is finished stays, and follows.
 * @throws Error naming the tables that were given up
 */
export async function requireTablesSafe({ blue, green }: Record<"blue" | "green", Database>): Promise<void> {
  const short = await blue.query(SHORT);
  if (short.length === 0) return;
  const name = streamName("blue");
  const given = (await green.query(ON_THEIR_WAY, [name]))
    .filter((row) => short.some((slot) => field(slot, "slot_name").startsWith(field(row, "slot"))))
    .map((row) => `${row.root === "t" ? "" : "ONLY "}${qualified(field(row, "schema"), field(row, "name"))}`);
  if (given.length === 0) return;
  await blue.query(`ALTER PUBLICATION ${name} DROP TABLE ${given.join(", ")}`);
  await green.query(`ALTER SUBSCRIPTION ${name} REFRESH PUBLICATION`);
  throw new Error(
    `blue writes too much log for as long as ${given.join(", ")} takes, and would have dropped it; everything else stays and follows. ` +
      "Raise max_slot_wal_keep_size on blue (bascule inspect names a value) or choose a quieter hour, then run this again: it copies what is missing",
  );
}

/** @throws Error when blue's tables are no longer as they were when the copy began */
export async function requireUnchanged(blue: Database, { shape }: Attempt): Promise<void> {
  if ((await readCatalog(blue)).shape === shape) return;
  throw new Error(
    "blue's schema is not what it was when the copy began, and green has the old one. Take the change back, or drop green's database and begin anew",
  );
}
