#!/usr/bin/env bash
# Usage: probe PORT POOL_SIZE MAX_CLIENTS, as the user postgres. Asks the running pool over its socket.
set -euo pipefail
port=$1 pool_size=$2 max_clients=$3
console() { psql -X -At -h /run/postgresql -p "$port" -U pgbouncer -d pgbouncer -c "$1"; }
console 'SHOW VERSION' >/dev/null
settings=$(console 'SHOW CONFIG')
expect() {
  local running
  running=$(awk -F'|' -v key="$1" '$1 == key { print $2 }' <<<"$settings")
  [ "$running" = "$2" ] || { echo "$1 is $running, expected $2; a reload was refused or needs a restart: journalctl -u pgbouncer" >&2; exit 1; }
}
expect default_pool_size "$pool_size"
expect max_client_conn "$max_clients"
