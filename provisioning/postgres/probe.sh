#!/usr/bin/env bash
# Usage: probe CONF_D, as the user postgres. What the files say must be what runs: no line refused, none waiting for a restart.
set -euo pipefail
folder=$1
ask() { psql -X -At -v ON_ERROR_STOP=1 -v "folder=$folder/%" -d postgres; }
wrong=$(ask <<'SQL'
SELECT format('%s line %s: %s', sourcefile, sourceline, error) FROM pg_file_settings WHERE error IS NOT NULL
UNION ALL
SELECT format('pg_hba.conf line %s: %s', line_number, error) FROM pg_hba_file_rules WHERE error IS NOT NULL
UNION ALL
SELECT format('%s waits for a restart', name) FROM pg_settings WHERE pending_restart
UNION ALL
SELECT format('%s is overridden elsewhere, see SHOW %s', name, name) FROM pg_file_settings
WHERE sourcefile LIKE :'folder' AND NOT applied AND error IS NULL;
SQL
)
[ -z "$wrong" ] || { echo "$wrong" >&2; exit 1; }
