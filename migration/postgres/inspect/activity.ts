import { identifier, literal } from "../names.ts";
import { leftOutEventTrigger } from "../scope.ts";
import { type Check, question } from "./check.ts";

const LONG_SECONDS = 60;

/** What goes on at the source, and who writes there. */
export const activityChecks: Check[] = [
  question(
    "prepared-transactions",
    "blue",
    "SELECT gid, owner, (now() - prepared)::text AS age FROM pg_prepared_xacts WHERE database = current_database() ORDER BY prepared",
    ({ gid, owner, age }) => ({
      level: "blocks",
      what: `prepared transaction of ${owner}, open for ${age}: it holds its locks for ever, and no slot can be made`,
      remedy: `COMMIT PREPARED ${literal(String(gid)).trim()}; or ROLLBACK PREPARED ${literal(String(gid)).trim()};`,
    }),
  ),
  question(
    "long-transactions",
    "blue",
    `SELECT pid, coalesce(nullif(application_name, ''), usename) AS name, extract(epoch FROM now() - xact_start)::int AS seconds, left(query, 200) AS query
     FROM pg_stat_activity WHERE datname = current_database() AND xact_start < now() - interval '${LONG_SECONDS} s'
       AND backend_type = 'client backend' ORDER BY xact_start`,
    ({ pid, seconds, query }) => ({
      level: "setting",
      what: `a transaction is open for ${seconds} s; the fence would wait for it: ${query}`,
      remedy: `SELECT pg_terminate_backend(${pid}); or let it end`,
    }),
  ),
  question(
    "bypasses-fence",
    "blue",
    `SELECT coalesce(r.rolname, 'every role') AS name, s.setconfig::text AS settings FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole
     WHERE s.setconfig::text LIKE '%session_replication_role=%' AND s.setconfig::text NOT LIKE '%session_replication_role=origin%'`,
    ({ name, settings }) => ({
      level: "blocks",
      what: `its sessions fire no triggers, so the fence would not stop them: ${settings}`,
      remedy: `ALTER ROLE ${name === "every role" ? "ALL" : identifier(String(name))} RESET session_replication_role;`,
    }),
  ),
  question(
    "writers",
    "blue",
    `SELECT usename AS name, string_agg(DISTINCT nullif(application_name, ''), ', ') AS programs, count(*) FROM pg_stat_activity
     WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid() GROUP BY 1 ORDER BY 1`,
    ({ programs, count }) => ({
      level: "info",
      what: `${count} sessions${programs === null ? "" : ` (${programs})`}: what does not come through the pooler is refused during the freeze, and not held`,
      remedy: "point each of them at the pooler",
    }),
  ),
  question(
    "deadlock-timeout",
    "blue",
    "SELECT current_user AS role WHERE NOT has_parameter_privilege('deadlock_timeout', 'SET')",
    ({ role }) => ({
      level: "info",
      what: "this role may not set deadlock_timeout: writers that do not come through the pooler and write several tables at a time can keep the fence from closing, and the flip is put back then",
      remedy: `GRANT SET ON PARAMETER deadlock_timeout TO ${identifier(String(role))}; by a superuser, or let nobody write past the pooler`,
    }),
  ),
  question(
    "event-triggers",
    "blue",
    `SELECT e.evtname AS name, e.evtenabled, ${leftOutEventTrigger("e")} AS foreign, pg_get_userbyid(e.evtowner) AS owner
     FROM pg_event_trigger e WHERE e.evtname NOT LIKE 'bascule%' AND e.evtenabled <> 'D'
       AND (pg_has_role(e.evtowner, 'USAGE') OR ${leftOutEventTrigger("e")}) ORDER BY 1`,
    ({ evtenabled, foreign, owner }) => ({
      level: evtenabled === "O" ? "info" : "setting",
      what:
        foreign === "t"
          ? `left out: this event trigger belongs to ${owner}`
          : "an event trigger: it is not carried by rows; the schema brings it where this role may",
      remedy: evtenabled === "O" ? "" : "look whether it may fire for carried changes",
    }),
  ),
  question(
    "event-triggers-of-others",
    "blue",
    `SELECT e.evtname AS name, pg_get_userbyid(e.evtowner) AS owner, e.evtfoid::regprocedure::text AS calls
     FROM pg_event_trigger e WHERE e.evtname NOT LIKE 'bascule%' AND NOT pg_has_role(e.evtowner, 'USAGE')
       AND NOT ${leftOutEventTrigger("e")} ORDER BY 1`,
    ({ name, owner, calls }) => ({
      level: "blocks",
      what: `an event trigger of ${owner} that calls ${calls} and is not known to be the service's: this role cannot make it on green, and it is not left out unasked`,
      remedy: `let ${owner} drop it on blue (DROP EVENT TRIGGER ${identifier(String(name))};), and make it again on green after the move if it is needed there`,
    }),
  ),
];
