#!/usr/bin/env bash
# Usage: probe CONFIGURATION PORT DATABASE, as the user postgres. What the file says must be what runs, which SET on the console, a
# reload that was refused and one that never came would change; and the way to the clients' secrets must be open.
set -euo pipefail
configuration=$1 port=$2 database=$3
ask() { psql -X -At -v ON_ERROR_STOP=1 -h /run/postgresql "$@"; }
wrong=$(ask -p "$port" -U pgbouncer -d pgbouncer -c 'SHOW CONFIG' | awk -F'|' '
  NR == FNR { if ($0 ~ /^\[/) section = $0; else if (section == "[pgbouncer]" && split($0, part, " = ") == 2) wanted[part[1]] = part[2]; next }
  $1 in wanted { seen[$1] = 1; if ($2 != wanted[$1]) print $1 " is " $2 ", expected " wanted[$1] }
  END { for (key in wanted) if (!(key in seen)) print key " is not known to this PgBouncer" }
' "$configuration" -)
[ -z "$wrong" ] || { echo "$wrong; a reload was refused or needs a restart: journalctl -u pgbouncer" >&2; exit 1; }
ask -p 5432 -U pgbouncer_auth -d "$database" -c "SELECT FROM pgbouncer.secret_of('nobody')" >/dev/null
