#!/usr/bin/env bash
# Usage: probe FILE..., as the user postgres. What these files say must be what runs: every line read and applied, and none
# overridden by ALTER SYSTEM, ALTER DATABASE or ALTER ROLE. One that waits for the restart its file asked for is hostctl's to tell.
# When a file was changed is asked of the system: pg_stat_file() knows it to the second, and much is put back within one.
set -euo pipefail
guarded=$(paste -sd, /etc/bascule/postgres/guarded)
files=$(IFS=,; echo "$*")
changes=$(stat --format '%.6Y %n' -- "$@")
wrong=$(psql -X -At -v ON_ERROR_STOP=1 -v guarded="$guarded" -v files="$files" -v changes="$changes" -d postgres <<'SQL'
WITH waiting AS (
  SELECT name, sourcefile = ANY (string_to_array(:'files', ','))
    AND (pg_stat_file(current_setting('config_file'))).modification > pg_postmaster_start_time() AS known
  FROM pg_settings WHERE pending_restart
), lines AS (
  SELECT f.*, name IN (SELECT name FROM waiting WHERE known) AS put_off FROM pg_file_settings f
)
SELECT format('%s line %s: %s', sourcefile, sourceline, error) FROM lines WHERE error IS NOT NULL AND NOT put_off
UNION ALL
SELECT format('%s is set to %s by ALTER SYSTEM; an apply resets it', name, setting) FROM lines
WHERE sourcefile = current_setting('data_directory') || '/postgresql.auto.conf'
UNION ALL
SELECT format('%s of %s line %s is not live', name, sourcefile, sourceline) FROM lines
WHERE sourcefile = ANY (string_to_array(:'files', ',')) AND NOT applied AND NOT put_off
UNION ALL
SELECT format('pg_hba.conf line %s: %s', line_number, error) FROM pg_hba_file_rules WHERE error IS NOT NULL
UNION ALL
SELECT format('pg_ident.conf line %s: %s', line_number, error) FROM pg_ident_file_mappings WHERE error IS NOT NULL
UNION ALL
SELECT format('%s was changed at %s and not read since', split_part(change, ' ', 2), changed)
FROM string_to_table(:'changes', E'\n') AS change, to_timestamp(split_part(change, ' ', 1)::float8) AS changed
WHERE changed > pg_conf_load_time()
UNION ALL
SELECT format('%s waits for a restart that no change of a file asked for', name) FROM waiting WHERE NOT known
UNION ALL
SELECT format('%s is set by ALTER %s; an apply resets it', config,
  CASE WHEN setrole = 0 THEN 'DATABASE' ELSE 'ROLE' END)
FROM pg_db_role_setting CROSS JOIN unnest(setconfig) AS config
WHERE split_part(config, '=', 1) = ANY (string_to_array(:'guarded', ','));
SQL
)
[ -z "$wrong" ] || { echo "$wrong" >&2; exit 1; }
