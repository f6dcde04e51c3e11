#!/usr/bin/env bash
# Usage: validate ENGINE CONFIGURATION. Starts a copy of the server with the staged configuration, on a socket of its own and
# without the data, because neither Redis nor Valkey can test a configuration.
set -euo pipefail
engine=$1 configuration=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
status=0
"$engine-server" "$configuration" --port 0 --unixsocket "$scratch/socket" --dir "$scratch" --appendonly no --save '' \
  --daemonize no --supervised no --pidfile "$scratch/pid" --logfile "$scratch/log" 2>"$scratch/errors" &
child=$!
for _ in $(seq 100); do
  if [ -S "$scratch/socket" ]; then
    kill "$child"
    wait "$child" || true
    exit 0
  fi
  kill -0 "$child" 2>/dev/null || break
  sleep 0.05
done
kill "$child" 2>/dev/null || true
wait "$child" || status=$?
echo "$engine-server does not start with $configuration (exit code $status):" >&2
cat "$scratch/errors" "$scratch/log" >&2 2>/dev/null || true
exit 1
