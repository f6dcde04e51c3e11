#!/usr/bin/env bash
# Usage: probe FILE..., as the user postgres. What these files say must be what runs: every line read and applied, none overridden,
# none waiting for a restart.
set -euo pipefail
ask() { psql -X -At -v ON_ERROR_STOP=1 -d postgres "$@"; }
wrong=$(ask <<'SQL'
SELECT format('%s line %s: %s', sourcefile, sourceline, error) FROM pg_file_settings WHERE error IS NOT NULL
UNION ALL
SELECT format('pg_hba.conf line %s: %s', line_number, error) FROM pg_hba_file_rules WHERE error IS NOT NULL
UNION ALL
SELECT format('%s waits for a restart', name) FROM pg_settings WHERE pending_restart;
SQL
)
for file in "$@"; do
  wanted=$(grep -c ' = ' "$file")
  applied=$(ask -v "file=$file" <<<"SELECT count(*) FROM pg_file_settings WHERE sourcefile = :'file' AND applied;")
  # include_dir is a line without a setting of its own.
  wanted=$((wanted - $(grep -c '^include_dir' "$file" || true)))
  [ "$wanted" = "$applied" ] || wrong+="$applied of the $wanted settings in $file are live; see: SELECT * FROM pg_file_settings"
done
[ -z "$wrong" ] || { echo "$wrong" >&2; exit 1; }
