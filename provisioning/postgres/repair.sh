#!/usr/bin/env bash
# Usage: repair. Takes back what was set past the files: ALTER SYSTEM as a whole, ALTER DATABASE and ALTER ROLE where they change a
# setting that must hold for everybody (/etc/bascule/postgres/guarded).
set -euo pipefail
cd /
guarded=$(paste -sd, /etc/bascule/postgres/guarded)
setpriv --reuid=postgres --regid=postgres --init-groups psql -X -q -v ON_ERROR_STOP=1 -v guarded="$guarded" -d postgres <<'SQL'
ALTER SYSTEM RESET ALL;
SELECT format(
    'ALTER %s%s RESET %I',
    CASE WHEN s.setrole = 0 THEN format('DATABASE %I', d.datname) ELSE format('ROLE %I', r.rolname) END,
    CASE WHEN s.setrole <> 0 AND s.setdatabase <> 0 THEN format(' IN DATABASE %I', d.datname) END,
    split_part(config, '=', 1))
FROM pg_db_role_setting s
CROSS JOIN unnest(s.setconfig) AS config
LEFT JOIN pg_database d ON d.oid = s.setdatabase
LEFT JOIN pg_roles r ON r.oid = s.setrole
WHERE split_part(config, '=', 1) = ANY (string_to_array(:'guarded', ',')) \gexec
SELECT pg_reload_conf() \g /dev/null
SQL
