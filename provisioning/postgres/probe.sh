#!/usr/bin/env bash
# Usage: probe FILE..., as the user postgres. What these files say must be what runs: every line read and applied, and none
# overridden by ALTER SYSTEM, ALTER DATABASE or ALTER ROLE. One that waits for the restart its file asked for is hostctl's to tell.
set -euo pipefail
guarded=$(paste -sd, /etc/bascule/postgres/guarded)
files=$(IFS=,; echo "$*")
wrong=$(psql -X -At -v ON_ERROR_STOP=1 -v guarded="$guarded" -v files="$files" -d postgres <<'SQL'
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
SELECT format('%s was changed at %s and not read since', file, (pg_stat_file(file)).modification)
FROM unnest(string_to_array(:'files', ',') || ARRAY[current_setting('hba_file'), current_setting('ident_file')]) AS file
WHERE (pg_stat_file(file)).modification > pg_conf_load_time()
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
