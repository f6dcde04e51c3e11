import { readCatalog } from "../catalog.ts";
import type { Database } from "../database.ts";
import { streamName } from "../names.ts";
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

/** @throws Error when blue's tables are no longer as they were when the copy began */
export async function requireUnchanged(blue: Database, { shape }: Attempt): Promise<void> {
  if ((await readCatalog(blue)).shape === shape) return;
  throw new Error(
    "blue's schema is not what it was when the copy began, and green has the old one. Take the change back, or drop green's database and begin anew",
  );
}
