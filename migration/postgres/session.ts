/** How both servers write and read values as text, so that equal values are equal texts whatever the servers are set to. */
export const CANONICAL = [
  "SET DateStyle = 'ISO, YMD'",
  "SET IntervalStyle = 'postgres'",
  "SET TimeZone = 'UTC'",
  "SET extra_float_digits = 1",
  "SET bytea_output = 'hex'",
  "SET lc_monetary = 'C'",
  "SET xmloption = 'content'",
  // As replication itself does it: what runs is named in full, and nothing in another schema can stand in its way.
  "SET search_path = ''",
] as const;

/** Long work must not be ended by what a role or a managed service sets for the application's short questions. */
export const UNHURRIED = [
  "SET statement_timeout = 0",
  "SET lock_timeout = 0",
  "SET idle_in_transaction_session_timeout = 0",
] as const;

/** Between two looks of {@link waitsFor}. */
const LOOK_MS = 2;

/**
 * A statement that ends when `condition` has come true, or has not for about so long: waiting on the server costs a distant one no
 * round trips. It counts its looks, as clocks of servers may be set.
 */
export function waitsFor(condition: string, ms: number): string {
  const seconds = LOOK_MS / 1000;
  return `DO $wait$ BEGIN FOR look IN 1..${Math.ceil(ms / LOOK_MS)} LOOP
    EXIT WHEN ${condition}; PERFORM pg_sleep(${seconds});
  END LOOP; END $wait$`;
}
