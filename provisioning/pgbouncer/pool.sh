#!/usr/bin/env bash
# Usage: pool pause SECONDS | resume | status, as root: hostctl job runs it for the operator. A paused pool keeps its clients and
# lets their queries wait. It resumes by itself after SECONDS, because clients that wait longer than query_wait_timeout are dropped.
set -euo pipefail
port=@PORT@ database=@DATABASE@ longest=@LONGEST@
self=/usr/local/lib/bascule/pgbouncer/pool
unit=bascule-pool-resume

console() {
  setpriv --reuid=postgres --regid=postgres --init-groups \
    psql -X -q -A -v ON_ERROR_STOP=1 -h /run/postgresql -p "$port" -U pgbouncer -d pgbouncer -c "$1"
}
# Columns differ between versions, so they are found by name.
column() { awk -F'|' -v name="$1" -v key="$database" 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i } $at["name"] == key { print $at[name] }'; }
paused() { [ "$(console 'SHOW DATABASES' | column paused)" = 1 ]; }
resume() {
  if paused; then console "RESUME $database"; fi
}

cd /
case ${1:-} in
  pause)
    seconds=${2:-}
    if ! [[ $seconds =~ ^[0-9]+$ ]] || [ "$seconds" -lt 1 ] || [ "$seconds" -gt "$longest" ]; then
      echo "pool pause: got '$seconds' seconds; allowed: 1 to $longest" >&2
      exit 2
    fi
    systemctl stop "$unit.timer" 2>/dev/null || true
    # Armed first: whatever becomes of us, clients do not wait for ever.
    systemd-run --quiet --collect --unit="$unit" --on-active="${seconds}s" --timer-property=AccuracySec=100ms "$self" resume
    if ! timeout "$seconds" "$self" hold; then
      resume
      systemctl stop "$unit.timer" 2>/dev/null || true
      echo "a transaction went on for $seconds s, so the pool was not paused and works as before; see: pg_stat_activity" >&2
      exit 1
    fi
    echo "paused for at most $seconds s"
    ;;
  hold) paused || console "PAUSE $database" ;;
  resume)
    resume
    # Not from the timer's own run of this script: it would stop itself.
    systemctl stop "$unit.timer" 2>/dev/null || true
    echo "$database answers"
    ;;
  status) if paused; then echo paused; else echo running; fi ;;
  *)
    sed -n '2,3p' "$0" >&2
    exit 2
    ;;
esac
